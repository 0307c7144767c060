/* The signatures of the kernels: the list in kernels.h as data, and the names of the elementwise
 * operations and reductions. */
#include "cnet.h"

#define SLOTS(type) ((int)(sizeof(type) / sizeof(cnet_slot)))
#define SIZE_OF_real CNET_REAL
#define SIZE_OF_void CNET_ANY
#define SIZE_OF_double CNET_DOUBLE
#define SIZE_OF_uint8_t 1
#define SIZE_OF_int8_t 1
#define SIZE_OF_uint16_t 2
#define SIZE_OF_int32_t 4
#define SIZE_OF_int64_t 8

#define IN(type, name) {#name, CNET_IN, 1, SIZE_OF_##type},
#define OUT(type, name) {#name, CNET_OUT, 1, SIZE_OF_##type},
#define GEOMETRY(type, name) {#name, CNET_GEOMETRY, SLOTS(cnet_##type), 0},
#define COUNT(name) {#name, CNET_COUNT, 1, 0},
#define INTEGER(name) {#name, CNET_INTEGER, 1, 0},
#define NUMBER(name) {#name, CNET_NUMBER, 1, 0},
#define ARGUMENTS(name, workspace)                                                                 \
    static const cnet_argument name##_arguments[] = {                                              \
        CNET_##name(IN, OUT, GEOMETRY, COUNT, INTEGER, NUMBER)};
CNET_KERNELS(ARGUMENTS)

#define ONE(name) +1
#define ONE_ARRAY(type, name) +1
#define NONE(name) +0
#define NO_ARRAY(type, name) +0
#define SLOTS_OF(type, name) +SLOTS(cnet_##type)
#define COUNT_ARRAYS(name) (CNET_##name(ONE_ARRAY, ONE_ARRAY, NO_ARRAY, NONE, NONE, NONE))
#define COUNT_GIVEN(name) (CNET_##name(ONE_ARRAY, ONE_ARRAY, ONE_ARRAY, NONE, ONE, ONE))
#define COUNT_SLOTS(name) (CNET_##name(ONE_ARRAY, ONE_ARRAY, SLOTS_OF, ONE, ONE, ONE))

/* Each field of an argument structure takes one slot, a geometry one for each of its fields. */
_Static_assert(sizeof(cnet_slot) == 8 && sizeof(void *) == 8 && sizeof(ptrdiff_t) == 8, "64 bits");
#define IS_MADE_OF_SLOTS(name, workspace)                                                          \
    _Static_assert(sizeof(cnet_##name##_arguments) == COUNT_SLOTS(name) * sizeof(cnet_slot) &&     \
                       COUNT_ARRAYS(name) <= CNET_MAX_ARRAYS,                                      \
                   #name);
CNET_KERNELS(IS_MADE_OF_SLOTS)

#define SIGNATURE(name, workspace)                                                                 \
    [CNET_KERNEL_##name] = {#name,                                                                 \
                            name##_arguments,                                                      \
                            sizeof name##_arguments / sizeof(cnet_argument),                       \
                            COUNT_ARRAYS(name),                                                    \
                            COUNT_GIVEN(name),                                                     \
                            COUNT_SLOTS(name)},
const cnet_signature cnet_signatures[CNET_KERNEL_COUNT] = {CNET_KERNELS(SIGNATURE)};

#define NAMES(name, value, saved, gradient) {#name, #saved},
const cnet_operation_names cnet_operations[CNET_OPERATION_COUNT] = {CNET_OPERATIONS(NAMES)};

#define OPERANDS(name, operands, value) {#name, operands},
const cnet_combination_names cnet_combinations[CNET_COMBINATION_COUNT] = {
    CNET_COMBINATIONS(OPERANDS)};

#define REDUCTION(name, start, step, join, group) #name,
const char *const cnet_reductions[CNET_REDUCTION_COUNT] = {CNET_REDUCTIONS(REDUCTION)};
