/* Chooses the variant that runs. The whole policy is the table below, slowest first. The build
 * defines CNET_HAVE_<ISA> for the variants it compiled. */
#include "cnet.h"
#include "runtime/cpu.h"

#include <stdatomic.h>

#define VARIANT(isa)                                                                               \
    extern const cnet_implementation cnet_kernels_f32_##isa[], cnet_kernels_f64_##isa[]
VARIANT(generic);
VARIANT(avx2);
VARIANT(avx512);
VARIANT(neon);
#undef VARIANT

static const struct {
    const char *name;
    int (*supported)(void);
    const cnet_implementation *kernels[CNET_DTYPES];
} variants[] = {
#define VARIANT(isa)                                                                               \
    {                                                                                              \
        #isa, cnet_cpu_##isa, { cnet_kernels_f32_##isa, cnet_kernels_f64_##isa }                   \
    }
#ifdef CNET_HAVE_GENERIC
    VARIANT(generic),
#endif
#ifdef CNET_HAVE_AVX2
    VARIANT(avx2),
#endif
#ifdef CNET_HAVE_AVX512
    VARIANT(avx512),
#endif
#ifdef CNET_HAVE_NEON
    VARIANT(neon),
#endif
#undef VARIANT
};

enum { VARIANTS = sizeof variants / sizeof variants[0] };

static atomic_int active = 0;

const char *cnet_isa_name(int isa) {
    return isa >= 0 && isa < VARIANTS ? variants[isa].name : NULL;
}
int cnet_isa_supported(int isa) { return variants[isa].supported(); }
int cnet_active_isa(void) { return atomic_load(&active); }
void cnet_set_active_isa(int isa) { atomic_store(&active, isa); }
cnet_dots cnet_active_dots(void) {
    const char *isa = variants[cnet_active_isa()].name;
    if (!cnet_cpu_vnni(isa))
        return CNET_DOTS_PAIRS;
    return cnet_cpu_amx(isa) ? CNET_DOTS_AMX : CNET_DOTS_VNNI;
}
const cnet_implementation *cnet_active_kernels(cnet_dtype dtype) {
    return variants[cnet_active_isa()].kernels[dtype];
}
