/* CPUID reports the features of the processor, XGETBV whether the operating system saves the
 * registers they use; an instruction set needs both. Compiled for the baseline, without any -m
 * flag. */
#if defined(__linux__)
#define _GNU_SOURCE /* syscall */
#endif
#include "runtime/cpu.h"

int cnet_cpu_generic(void) { return 1; }
int cnet_cpu_neon(void) { return 1; } /* part of every aarch64 */

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#include <stdint.h>
#include <string.h>

enum { XCR0_AVX = 0x06, XCR0_AVX512 = 0xe6, XCR0_AMX = 0x60000 };
enum { LEAF1_ECX_FMA = 1 << 12, LEAF1_ECX_OSXSAVE = 1 << 27, LEAF1_ECX_AVX = 1 << 28 };
enum { LEAF7_ECX_AVX512_VNNI = 1 << 11, LEAF7_1_EAX_AVX_VNNI = 1 << 4 };
enum { LEAF7_EDX_AMX_BF16 = 1 << 22, LEAF7_EDX_AMX_TILE = 1 << 24, LEAF7_EDX_AMX_INT8 = 1 << 25 };
enum {
    LEAF7_EBX_AVX2 = 1 << 5,
    LEAF7_EBX_BMI2 = 1 << 8,
    LEAF7_EBX_AVX512F = 1 << 16,
    LEAF7_EBX_AVX512DQ = 1 << 17,
    LEAF7_EBX_AVX512BW = 1 << 30
};
static const uint32_t LEAF7_EBX_AVX512VL = (uint32_t)1 << 31;

static uint32_t xcr0(void) {
    uint32_t eax, edx;
    __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
    return eax;
}

/* Whether CPUID leaves 1 (ecx) and 7 (ebx) have these bits and XCR0 has these state bits. */
static int has(uint32_t leaf1_ecx, uint32_t leaf7_ebx, uint32_t states) {
    uint32_t eax, ebx, ecx, edx;
    leaf1_ecx |= LEAF1_ECX_OSXSAVE;
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || (ecx & leaf1_ecx) != leaf1_ecx)
        return 0;
    if ((xcr0() & states) != states)
        return 0;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & leaf7_ebx) == leaf7_ebx;
}

int cnet_cpu_avx2(void) {
    return has(LEAF1_ECX_AVX | LEAF1_ECX_FMA, LEAF7_EBX_AVX2 | LEAF7_EBX_BMI2, XCR0_AVX);
}

int cnet_cpu_avx512(void) {
    return cnet_cpu_avx2() &&
           has(0, LEAF7_EBX_AVX512F | LEAF7_EBX_AVX512DQ | LEAF7_EBX_AVX512BW | LEAF7_EBX_AVX512VL,
               XCR0_AVX512);
}

int cnet_cpu_vnni(const char *isa) {
    uint32_t eax, ebx, ecx, edx;
    if (!strcmp(isa, "avx512"))
        return cnet_cpu_avx512() && __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) &&
               (ecx & LEAF7_ECX_AVX512_VNNI);
    return !strcmp(isa, "avx2") && cnet_cpu_avx2() &&
           __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax & LEAF7_1_EAX_AVX_VNNI);
}

#if defined(__linux__) && defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>

/* Linux saves the tiles of a process only if it has asked for that. */
enum { REQUEST_STATE = 0x1023, STATE_OF_TILES = 18 };

int cnet_cpu_amx(const char *isa) {
    const uint32_t bits = LEAF7_EDX_AMX_TILE | LEAF7_EDX_AMX_INT8 | LEAF7_EDX_AMX_BF16;
    uint32_t eax, ebx, ecx, edx;
    return !strcmp(isa, "avx512") && cnet_cpu_avx512() && (xcr0() & XCR0_AMX) == XCR0_AMX &&
           __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (edx & bits) == bits &&
           !syscall(SYS_arch_prctl, REQUEST_STATE, STATE_OF_TILES);
}
#else
int cnet_cpu_amx(const char *isa) { return (void)isa, 0; }
#endif

#else
int cnet_cpu_avx2(void) { return 0; }
int cnet_cpu_avx512(void) { return 0; }
int cnet_cpu_vnni(const char *isa) { return (void)isa, 0; }
int cnet_cpu_amx(const char *isa) { return (void)isa, 0; }
#endif
