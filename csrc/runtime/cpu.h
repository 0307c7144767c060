/* The instruction sets that this CPU and operating system can execute. */
#ifndef CNET_CPU_H
#define CNET_CPU_H

int cnet_cpu_generic(void);
int cnet_cpu_avx2(void);
int cnet_cpu_avx512(void);
int cnet_cpu_neon(void);
/* Whether the CPU has vpdpbusd for the registers of an instruction set. */
int cnet_cpu_vnni(const char *isa);
/* Whether tiles of 8-bit integers and bfloat16 (AMX) can be used beside an instruction set. */
int cnet_cpu_amx(const char *isa);

#endif
