/* A fixture with the synthesised program of goprog.h. A test gets it in *state, already begun. It
 * adds types and functions, and opens it. The fixture closes it after the test.
 *
 *     TEST(a_plan_of_a_string)
 *     {
 *             struct goprog *p = *state;
 *             ...
 *     }
 *
 *     ... WITH_GO(26, a_plan_of_a_string) ...                     // in main()'s list
 */
#ifndef UNIT_GOPROG_FIXTURE_H
#define UNIT_GOPROG_FIXTURE_H

#include "test.h"

#include <stdlib.h>

#include "goprog.h"

/* Begins the program. Before, *state is the minor number of the release. */
static inline int goprog_set_up(void **state)
{
	const unsigned *minor = *state;
	struct goprog *p = malloc(sizeof(*p));

	assert_non_null(p);
	goprog_begin(p, *minor);
	*state = p;
	return 0;
}

static inline int goprog_tear_down(void **state)
{
	goprog_close(*state);
	free(*state);
	return 0;
}

#define WITH_GO(minor, test)                                                            \
	cmocka_unit_test_prestate_setup_teardown(test, goprog_set_up, goprog_tear_down, \
						 &(unsigned){minor})

#endif
