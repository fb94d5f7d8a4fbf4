/* SPDX-License-Identifier: Apache-2.0 */
/* bench authorize: from the bytes of a request body to the bytes of its answer, in process, on one
 * thread: what the engine adds to a bare HTTP handler.
 *
 *     bench_authorize IMAGE REQUESTS.jsonl [SECONDS]
 *
 * A line is a request; members `decision` and `reasons` behind the request's own are cut off.
 * Prints ns a request. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rune/rune.h"

#define MAX_REQUESTS 100000

static uint64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The request alone: what stands before ,"decision". */
static struct rune_str cut(char *line, size_t length)
{
    char *at = strstr(line, ",\"decision\"");
    if (at != NULL) {
        at[0] = '}';
        at[1] = '\0';
        length = (size_t)(at + 1 - line);
    }
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) {
        length--;
    }
    return (struct rune_str){line, length};
}

static size_t read_requests(const char *path, struct rune_str *requests)
{
    FILE *file = fopen(path, "r");
    size_t count = 0;
    while (file != NULL && count < MAX_REQUESTS) {
        char *line = NULL;
        size_t capacity = 0;
        ssize_t length = getline(&line, &capacity, file);
        if (length <= 0) {
            free(line);
            break;
        }
        requests[count++] = cut(line, (size_t)length);
    }
    if (file != NULL) {
        fclose(file);
    }
    return count;
}

static int run(const struct rune_image *image, const struct rune_str *requests, size_t count,
               double seconds)
{
    struct rune_decider *decider;
    struct rune_answer answer;
    uint64_t done = 0;
    uint64_t refused = 0;
    if (rune_decider_create(NULL, &decider) != RUNE_OK) {
        return 1;
    }
    uint64_t began_ns = cpu_ns();
    uint64_t end_ns = began_ns + (uint64_t)(seconds * 1e9);
    uint64_t now_ns = began_ns;
    while (now_ns < end_ns) {
        for (size_t i = 0; i < count; i++) {
            rune_decider_authorize(decider, image, 1795237388342u, requests[i], RUNE_ANSWER_PLAIN,
                                   &answer);
            refused += answer.status != 200;
        }
        done += count;
        now_ns = cpu_ns();
    }
    printf("authorize_ns=%.1f requests=%llu refused=%llu\n",
           (double)(now_ns - began_ns) / (double)done, (unsigned long long)done,
           (unsigned long long)refused);
    rune_decider_destroy(decider);
    return 0;
}

int main(int argc, char **argv)
{
    struct rune_diag *diag = rune_diag_create();
    struct rune_image *image = NULL;
    struct rune_str *requests = calloc(MAX_REQUESTS, sizeof(*requests));
    int status = 1;
    if (argc < 3 || diag == NULL || requests == NULL) {
        fprintf(stderr, "usage: bench_authorize IMAGE REQUESTS.jsonl [SECONDS]\n");
    } else if (rune_image_open_path(argv[1], &image, diag) != RUNE_OK) {
        fputs(rune_diag_text(diag), stderr);
    } else {
        size_t count = read_requests(argv[2], requests);
        status = count > 0 ? run(image, requests, count, argc > 3 ? atof(argv[3]) : 2.0) : 1;
        for (size_t i = 0; i < count; i++) {
            free((char *)requests[i].data);
        }
        rune_image_close(image);
    }
    free(requests);
    rune_diag_destroy(diag);
    return status;
}
