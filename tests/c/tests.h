/* One test for every kernel of the list: if a test is missing, the program does not link. */
#ifndef TESTS_H
#define TESTS_H

#include "check.h"

#define TEST(name, workspace) void test_##name(void);
CNET_KERNELS(TEST)
#undef TEST

#endif
