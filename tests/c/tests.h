/* One test for every kernel of the list: if a test is missing, the program does not link. */
#ifndef TESTS_H
#define TESTS_H

#include "check.h"

/* Kernels that are tested together. */
#define test_unblock test_block
#define test_prepare_blocked_conv2d test_blocked_conv2d
#define test_prepare_bfloat16_conv2d test_bfloat16_conv2d
#define test_prepare_quantized_conv2d test_quantized_conv2d

#define TEST(name, workspace) void test_##name(void);
CNET_KERNELS(TEST)
#undef TEST

#endif
