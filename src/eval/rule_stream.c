/* SPDX-License-Identifier: Apache-2.0 */
/* rule_stream: loops over tuples that are not kept. The programs that are asked run, and inside
 * them, for each tuple that they find, the rest of the program that loops. */
#include "eval/rule_frame.h"

/* A CALL_SCAN whose tuples come from the programs that it asks while these run. */
struct stream {
    struct rune_rule_vm *vm;
    const struct rune_rule_frame *frame;
    const struct rune_rule_receiver *receiver;
    const uint32_t *word;
    uint64_t step_cost; /* of the program that loops */
    uint32_t target;    /* where the program goes on after the last tuple */
    bool any, is_stopped;
};

/* The rest of the program for one tuple, as far as the next turn of the loop, or out of it. */
static bool stream_tuple(void *context, const rune_term *tuple)
{
    struct stream *stream = context;
    struct rune_rule_vm *vm = stream->vm;
    struct rune_rule_scan scan = rune_rule_scan_at(stream->word);
    uint32_t self = (uint32_t)(stream->word - stream->frame->code);
    uint64_t inner_cost = vm->step_cost;
    if (!rune_rule_take_steps(vm, stream->step_cost)) {
        return false;
    }
    for (uint32_t i = 0; i < scan.columns[0]; i++) {
        stream->frame->registers[scan.columns[2 + 2 * i]] = tuple[scan.columns[1 + 2 * i]];
    }
    stream->any = true;
    vm->step_cost = stream->step_cost;
    stream->is_stopped =
        rune_rule_run_code(vm, stream->frame, stream->receiver, scan.body, self, &stream->target);
    vm->step_cost = inner_cost;
    return !stream->is_stopped && vm->err == RUNE_OK && stream->target == self;
}

/* A table could serve nobody again: nothing comes twice (rule_once), and of what a query runs,
 * which is one program then, the loop stands in no other. */
bool rune_rule_is_asked_once(const struct rune_rule_vm *vm, const uint32_t *word)
{
    return vm->counts && vm->depth == 1 && word[5] == 0 && vm->err == RUNE_OK &&
           rune_rule_gives_once(vm, vm->plans + word[2], word[3]) &&
           vm->in.relations[vm->plans[word[2]].relation].component == 0;
}

bool rune_rule_stream(struct rune_rule_vm *vm, const struct rune_rule_frame *frame,
                      const struct rune_rule_receiver *receiver, const uint32_t *word,
                      const rune_term *args, uint32_t *ret_target)
{
    uint32_t self = (uint32_t)(word - frame->code);
    struct stream stream = {.vm = vm,
                            .frame = frame,
                            .receiver = receiver,
                            .word = word,
                            .step_cost = vm->step_cost,
                            .target = self};
    const struct rune_image_plan *plans = vm->plans + word[2];
    for (uint32_t i = 0; i < word[3] && vm->err == RUNE_OK && stream.target == self; i++) {
        if (rune_rule_run(vm, &plans[i], args, stream_tuple, &stream) && stream.is_stopped) {
            return true;
        }
    }
    *ret_target = stream.target != self ? stream.target : word[stream.any ? 5 : 4];
    return false;
}
