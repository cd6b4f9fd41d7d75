/* Each unit test includes this first. It includes cmocka, and the headers that must come before
 * cmocka.
 *
 *     TEST(a_miss_counts_nothing)
 *     {
 *             ...
 *     }
 *
 * defines a test; main() lists it. A test with a fixture is listed with the fixture's functions
 * (cmocka_unit_test_setup_teardown()), and finds their result in *state.
 */
#ifndef UNIT_TEST_H
#define UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TEST(name) static void name(__attribute__((unused)) void **state)

#endif
