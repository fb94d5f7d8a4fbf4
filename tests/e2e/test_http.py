# SPDX-License-Identifier: Apache-2.0
"""The API as a client sees it: decisions, batches, every kind of bad input, headers, metrics."""
import http.client
import json

import harness

BUNDLE = {
    "schema.cedarschema": "entity Team;\nentity User in [Team] { level: Long };\nentity Doc { owner: User };\n"
                          "action read, write appliesTo { principal: User, resource: Doc, context: { ip?: String } };\n",
    "policies.cedar": '@id("read")\npermit(principal, action == Action::"read", resource);\n'
                      '@id("owner")\npermit(principal, action == Action::"write", resource) when '
                      "{ resource.owner == principal };\n"
                      '@id("low")\nforbid(principal, action == Action::"write", resource) when { principal.level < 1 };\n',
    "users.entities.json": json.dumps([
        {"uid": {"type": "User", "id": "alice"}, "attrs": {"level": 3}, "parents": []},
        {"uid": {"type": "User", "id": "bob"}, "attrs": {"level": 0}, "parents": []},
        {"uid": {"type": "Doc", "id": "plan"}, "attrs": {"owner": {"__entity": {"type": "User", "id": "alice"}}},
         "parents": []}]),
    "rune.toml": '[bundle]\nname = "http"\nversion = "1"\n[defaults]\nprincipal_type = "User"\naction_type = "Action"\n'
                 'resource_type = "Doc"\n',
}
READ = {"principal": 'User::"alice"', "action": 'Action::"read"', "resource": 'Doc::"plan"'}
MEGABYTE = 1 << 20


def but(**changes):
    return {**READ, **changes}


class Http(harness.TestCase):
    """One server for all: nothing here changes it."""

    @classmethod
    def setUpClass(cls):
        cls.shared = harness.Server(BUNDLE, workers=1).start()

    @classmethod
    def tearDownClass(cls):
        cls.shared.stop()

    def setUp(self):
        super().setUp()
        self.connection = http.client.HTTPConnection(*self.shared.address, timeout=30)
        self.addCleanup(self.connection.close)

    def post(self, body, path="/v1/authorize", headers=None, method="POST"):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        self.connection.request(method, path, body, {"content-type": "application/json", **(headers or {})})
        answer = self.connection.getresponse()
        text = answer.read()
        self.headers = {k.lower(): v for k, v in answer.getheaders()}
        self.assertEqual(self.headers["content-type"], "application/json")
        self.assertEqual(int(self.headers["content-length"]), len(text))
        self.assertIn("x-request-id", self.headers)
        return answer.status, json.loads(text)

    def assert_error(self, body, status, code=None, at=None, says=None, **named):
        got, answer = self.post(body, **named)
        self.assertEqual(got, status, (body if len(str(body)) < 200 else "...", answer))
        self.assertEqual(set(answer), {"error"}, answer)
        error = answer["error"]
        self.assertLessEqual(set(error), {"code", "message", "at"})
        self.assertTrue(error["message"])
        if code is not None:
            self.assertEqual(error["code"], code, answer)
        if at is not None:
            self.assertEqual(error.get("at"), at, answer)
        if says is not None:
            self.assertIn(says, error["message"])

    # ---- decisions ----

    def test_decisions(self):
        for request, decision, reasons in (
                (READ, "PERMIT", ["read"]),
                (but(action='Action::"write"'), "PERMIT", ["owner"]),
                (but(action='Action::"write"', principal='User::"bob"'), "FORBID", ["low"]),
                (but(principal="alice", action="read", resource="plan"), "PERMIT", ["read"]),
                (but(principal={"type": "User", "id": "alice"}), "PERMIT", ["read"]),
                (but(context={"ip": "10.0.0.1"}), "PERMIT", ["read"])):
            status, answer = self.post(request)
            self.assertEqual((status, answer.get("decision"), answer.get("reasons")), (200, decision, reasons), request)
            self.assertGreater(answer["generation"], 0)
            self.assertNotIn("diagnostics", answer)
        now = self.shared.status()
        self.assertEqual(answer["generation"], now["generation"])
        self.assertEqual(self.headers["rune-image"], now["image"][:16])

    def test_debug(self):
        status, answer = self.post(READ, path="/v1/authorize?debug=true")
        self.assertEqual(status, 200)
        diagnostics = answer["diagnostics"]
        self.assertEqual(set(diagnostics), {"evaluationTimeMs", "policiesEvaluated", "rulesEvaluated", "matchedPolicies",
                                            "matchedRules"})
        self.assertEqual(diagnostics["matchedPolicies"], ["read"])
        self.assertGreater(diagnostics["evaluationTimeMs"], 0)
        self.assertNotIn("diagnostics", self.post(READ, path="/v1/authorize?debug=false")[1])

    def test_batch(self):
        for count in (1, 2, 100):
            requests = [READ if i % 2 == 0 else but(principal='User::"bob"', action='Action::"write"') for i in range(count)]
            status, answer = self.post({"requests": requests}, path="/v1/authorize/batch")
            self.assertEqual(status, 200, answer)
            want = ["PERMIT" if i % 2 == 0 else "FORBID" for i in range(count)]
            self.assertEqual([result["decision"] for result in answer["results"]], want)

    def test_request_id(self):
        self.post(READ, headers={"x-request-id": "mine-1"})
        self.assertEqual(self.headers["x-request-id"], "mine-1")
        self.post(READ, headers={"x-request-id": "two words"})
        first = self.headers["x-request-id"]
        self.assertNotEqual(first, "two words")
        self.post(READ)
        self.assertNotEqual(self.headers["x-request-id"], first)

    def test_health(self):
        for path, word in (("/health/live", "live"), ("/health/ready", "ready")):
            self.assertEqual(self.post(None, path=path, method="GET"), (200, {"status": word}))

    # ---- bad input ----

    def test_malformed_json(self):
        good = json.dumps(READ)
        for body in ("{", "", " ", "nonsense", good[:-1], good + "x", good + good, "[1,]", '{"principal":}', "{'a':1}",
                     good.replace('"', "'"), '{"principal": "\\x"}', '{"principal": 01}', '{"principal": "a\nb"}',
                     "\ufeff" + good, good.encode("utf-16"), b"\0" * 10, '{"a" 1}'):
            self.assert_error(body, 400)

    def test_every_truncation(self):
        good = json.dumps(but(context={"ip": "a\u00e9\u20ac\U0001f600"}), ensure_ascii=False).encode()
        for length in range(len(good)):
            self.assert_error(good[:length], 400)

    def test_not_utf8(self):
        for text in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"\x80"):
            self.assert_error(json.dumps(but(principal="User::\"@\"")).encode().replace(b"@", text), 400)
        for escape in ("\\ud800", "\\udc00", "\\ud800\\ud800", "\\u12", "\\uzzzz"):
            self.assert_error(json.dumps(READ).replace("alice", escape), 400)

    def test_duplicate_keys(self):
        self.assert_error('{"principal": "a", "principal": "b", "action": "read", "resource": "plan"}', 400, "duplicate_key")
        self.assert_error(json.dumps(READ)[:-1] + ', "context": {"ip": "a", "ip": "b"}}', 400, says="twice")

    def test_too_deep(self):
        for depth in (200, 100000):
            deep = '{"a":' * depth + "1" + "}" * depth
            self.assert_error("[" * depth, 400)
            self.assert_error(json.dumps(READ)[:-1] + ', "more": ' + deep + "}", 400)
            # The schema knows no `a`; without one this is too deep.
            self.assert_error(json.dumps(READ)[:-1] + ', "context": ' + deep + "}", 422)

    def test_wrong_types(self):
        for body in ([], [READ], "5", "null", '"text"', "true"):
            self.assert_error(body, 400)
        for field in ("principal", "action", "resource"):
            for value in (5, None, True, [], {}, {"type": "User"}, {"id": "x"}, {"type": 1, "id": 2}, 1.5):
                self.assert_error(but(**{field: value}), 400, at=None)
        for value in (5, None, [], "text"):
            self.assert_error(but(context=value), 400)

    def test_missing_fields(self):
        for field in READ:
            self.assert_error({k: v for k, v in READ.items() if k != field}, 400, "missing_field", says=field)

    def test_unknown_fields(self):
        self.assert_error(but(contxt={}), 400, "unknown_field", says="context")
        self.assert_error(but(zzzzzzzzz=1), 400, "unknown_field")

    def test_schema(self):
        self.assert_error(but(context={"ip": 5}), 422, "schema")
        self.assert_error(but(principal='Team::"a"'), 422, "schema")
        self.assert_error(but(action='Action::"fly"'), 422, "schema")

    def test_sizes(self):
        pad = " " * (MEGABYTE - len(json.dumps(READ)))
        self.assertEqual(self.post(json.dumps(READ) + pad)[0], 200)
        self.assert_error(json.dumps(READ) + pad + " ", 413, "too_large")
        self.assert_error("x" * MEGABYTE, 400)
        self.assert_error("[" * MEGABYTE, 400)
        self.assert_error('"' + "\\u0041" * 170000 + '"', 400)

    def test_batch_sizes(self):
        for requests in ([], [READ] * 101):
            self.assert_error({"requests": requests}, 400, "batch_size", path="/v1/authorize/batch")
        for body in ({}, [], {"requests": 5}, {"requests": [5]}, {"requests": [READ], "more": 1}, ""):
            self.assert_error(body, 400, path="/v1/authorize/batch")

    def test_a_malformed_item_refuses_the_batch(self):
        requests = [READ] * 17 + [but(principal=5)] + [READ]
        self.assert_error({"requests": requests}, 400, at="requests[17].principal", path="/v1/authorize/batch")

    def test_paths_and_methods(self):
        for path in ("/", "/v1", "/v1/authorize/", "/v2/authorize", "/v1/config", "/metrics", "/v1/config/reload", "/%00"):
            self.assert_error(READ, 404, "not_found", path=path)
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS"):
            self.assert_error(READ, 405, "method_not_allowed", method=method)
            self.assertEqual(self.headers["allow"], "POST")

    def test_content_type(self):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml", "json"):
            self.assert_error(READ, 415, "unsupported_media_type", headers={"content-type": kind})
        for kind in ("application/json; charset=utf-8", "APPLICATION/JSON"):
            self.assertEqual(self.post(READ, headers={"content-type": kind})[0], 200)

    # ---- counters ----

    def test_metrics(self):
        series = ('rune_authorization_requests_total{decision="PERMIT"}', 'rune_authorization_errors_total{reason="schema"}',
                  'rune_http_requests_total{code="422"}')
        before = [self.shared.metric(s) for s in series]
        self.post({"requests": [READ] * 10}, path="/v1/authorize/batch")
        self.post(but(context={"ip": 5}))
        self.assertEqual([self.shared.metric(s) for s in series], [before[0] + 10, before[1] + 1, before[2] + 1])
        self.assertGreaterEqual(self.shared.metric("rune_active_connections"), 1)
        self.assertEqual(self.shared.metric("rune_loaded_policies_count"), 3)
        self.assertEqual(self.shared.metric('rune_image_generation{worker="0"}'), self.shared.status()["generation"])


if __name__ == "__main__":
    harness.main()
