# The only place with instruction-set flags. CNET_ISAS: the variants to build, slowest first, each
# with its header csrc/isa/<isa>.h; CNET_FLAGS_<isa>: the flags of one.
set(CNET_ISAS generic)
set(CNET_FLAGS_generic "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  list(APPEND CNET_ISAS avx2 avx512)
  set(CNET_FLAGS_avx2 -mavx2 -mfma -mbmi2)
  # Vectors are written with their full width; the preference keeps the compiler's own at it too.
  set(CNET_FLAGS_avx512 -mavx2 -mfma -mbmi2 -mavx512f -mavx512dq -mavx512bw -mavx512vl
                        -mprefer-vector-width=512)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64|ARM64")
  list(APPEND CNET_ISAS neon) # the baseline there
  set(CNET_FLAGS_neon "")
endif()
