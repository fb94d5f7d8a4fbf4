# SPDX-License-Identifier: Apache-2.0
# docker build -t rune . && docker run -p 8080:8080 -v ./examples/docshare:/etc/rune/bundle:ro rune
FROM debian:12 AS build
WORKDIR /src
COPY tools/dev tools/packages tools/
RUN tools/dev setup
COPY . .
RUN cmake --preset release -DRUNE_TESTS=OFF -DRUNE_BENCH=OFF -DCMAKE_INSTALL_PREFIX=/usr \
    && cmake --build build/release \
    && DESTDIR=/out cmake --install build/release --strip

FROM debian:12-slim
RUN apt-get update -q \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
       libh2o-evloop0.13 liburcu8 libssl3 libzstd1 libseccomp2 libsqlite3-0 libargon2-1 libstdc++6 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin rune \
    && install -d -o rune -g rune -m 0750 /run/rune \
    && install -d -m 0755 /etc/rune
COPY --from=build /out/usr/bin/rune /out/usr/bin/runed /usr/bin/
COPY --from=build /out/usr/share/doc/rune/LICENSE /usr/share/doc/rune/LICENSE
USER rune
EXPOSE 8080
STOPSIGNAL SIGTERM
# Where `rune status` and `rune reload` look for the server's unix socket.
ENV XDG_RUNTIME_DIR=/run
# Nothing is fetched at run time: the bundle is mounted.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["rune", "status"]
ENTRYPOINT ["runed"]
CMD ["--bundle", "/etc/rune/bundle", "--listen", "0.0.0.0:8080", "--runtime-dir", "/run/rune/main"]
