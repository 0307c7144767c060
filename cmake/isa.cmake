# The only file with instruction-set flags. CNET_ISAS: the variants to build, slowest first, each
# with its header csrc/isa/<isa>.h; CNET_FLAGS_<isa>: the compiler flags of a variant.
set(CNET_ISAS generic)
set(CNET_FLAGS_generic "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  list(APPEND CNET_ISAS avx2 avx512)
  set(CNET_FLAGS_avx2 -mavx2 -mfma -mbmi2)
  # The kernels use full-width vectors; the preference makes the compiler's own vectors as wide.
  set(CNET_FLAGS_avx512 -mavx2 -mfma -mbmi2 -mavx512f -mavx512dq -mavx512bw -mavx512vl
                        -mprefer-vector-width=512)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
  list(APPEND CNET_ISAS neon) # part of the baseline on aarch64
  set(CNET_FLAGS_neon "")
endif()
if(NOT CNET_ISAS STREQUAL "generic")
  # CPUs without the other instruction sets are few: their code is a third smaller with -Os.
  set(CNET_FLAGS_generic $<$<CONFIG:Release>:-Os>)
endif()

set(CNET_VARIANTS "" CACHE STRING "Of the variants, build only these; all if empty")
if(CNET_VARIANTS)
  set(CNET_ISAS ${CNET_VARIANTS})
endif()
