/* tophash, told that the hash of the user is mixed. */
#define BENCH_MIXED
#include "ours.cc"
