/* Runs the tests of all kernels, or of the kernels named on the command line. --list prints the
 * name of a kernel for each test. */
#include "tests.h"

#include <stdio.h>
#include <string.h>

#define TEST(name, workspace) {#name, test_##name},
static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {CNET_KERNELS(TEST)};
enum { TESTS = sizeof tests / sizeof tests[0] };

static int is_wanted(const char *name, int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (!strcmp(name, argv[i]))
            return 1;
    return argc <= 1;
}

/* Whether the test of a kernel is also that of an earlier one. */
static int is_repeated(int i) {
    for (int earlier = 0; earlier < i; earlier++)
        if (tests[earlier].run == tests[i].run)
            return 1;
    return 0;
}

static int list(void) {
    for (int i = 0; i < TESTS; i++)
        if (!is_repeated(i))
            puts(tests[i].name);
    return 0;
}

int main(int argc, char **argv) {
    int passed = 0;
    if (argc == 2 && !strcmp(argv[1], "--list"))
        return list();
    for (int i = 0; i < TESTS; i++) {
        if (!is_wanted(tests[i].name, argc, argv))
            continue;
        passed++;
        if (argc <= 1 && is_repeated(i))
            continue;
        kernel_name = tests[i].name;
        describe("no case");
        tests[i].run();
    }
    printf("%d of %d kernels passed on", passed, TESTS);
    for (int isa = 0; cnet_isa_name(isa); isa++)
        if (cnet_isa_supported(isa))
            printf(" %s", cnet_isa_name(isa));
    putchar('\n');
    return passed < (argc > 1 ? argc - 1 : TESTS);
}
