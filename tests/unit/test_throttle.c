/* Tests of watch/session/throttle.c: its decisions for simulated programs. The real cost is what
 * the program would pay, and the throttle gets it as prices. */
#include "test.h"

#include "watch/session/throttle.h"

#include <math.h>

#define TURN 0.01 /* seconds */

struct program {
	double rate; /* deletes a second */
	double kept_ns, left_ns;
	double filtered; /* the part that a filter of the engine stops */
	/* Which goroutines delete: all alike, or a single one, which is in every sample of at least
	 * this fraction. */
	bool alone;
	double alone_from;
	unsigned turns_until_priced, turns_until_on;
};

struct outcome {
	double spent; /* seconds of CPU */
	double seconds, seconds_off;
	double hits, sampled;
	unsigned samples, offs;
	double fraction_min, fraction_max; /* of the second half of the run */
};

static double kept_share(const struct program *program, double fraction)
{
	if (!program->alone)
		return fraction;
	return fraction >= program->alone_from;
}

/* Runs the program for some seconds. */
static struct outcome run(struct throttle *throttle, const struct program *program, double seconds)
{
	struct outcome got = {.fraction_min = 1};
	unsigned waits = 0;

	for (unsigned turn = 0; got.seconds < seconds; turn++) {
		bool priced = turn >= program->turns_until_priced;
		double hits = throttle->off ? 0 : floor(program->rate * TURN);
		double filtered = floor(hits * program->filtered);
		double sampled =
			floor((hits - filtered) * (1 - kept_share(program, throttle->fraction)));
		struct throttle_step step = {
			.seconds = TURN,
			.hits = (uint64_t)hits,
			.filtered = (uint64_t)filtered,
			.sampled = (uint64_t)sampled,
			.prices = {priced, priced ? program->kept_ns : 1500,
				   priced ? program->left_ns : 1000, 800},
		};

		got.seconds_off += throttle->off ? TURN : 0;
		got.hits += hits;
		got.sampled += sampled;
		got.spent += (hits * program->kept_ns -
			      sampled * (program->kept_ns - program->left_ns)) /
			     1e9;
		got.seconds += TURN;
		switch (throttle_turn(throttle, &step)) {
		case THROTTLE_NOTHING: break;
		case THROTTLE_SAMPLE: got.samples++; break;
		case THROTTLE_OFF:
			got.offs++;
			waits = program->turns_until_on;
			if (throttle->stops)
				return got;
			break;
		case THROTTLE_ON:
			if (waits)
				waits--;
			else
				throttle->off = false;
			break;
		}
		assert_true(throttle->fraction > 0 && throttle->fraction <= 1);
		if (got.seconds < seconds / 2)
			continue;
		if (throttle->fraction < got.fraction_min)
			got.fraction_min = throttle->fraction;
		if (throttle->fraction > got.fraction_max)
			got.fraction_max = throttle->fraction;
	}
	return got;
}

static struct outcome run_new(double limit, const struct program *program, double seconds)
{
	struct throttle throttle;

	throttle_init(&throttle, limit, true, false);
	return run(&throttle, program, seconds);
}

/* The limit holds from the first seconds on, whatever the program does. */
TEST(test_limit_holds)
{
	static const double limits[] = {0.001, 0.005, 0.02, 0.1, 0.5, 2, 50};
	static const double rates[] = {100, 1000, 20000, 100000, 1e6, 2e7};
	static const struct program programs[] = {
		{.kept_ns = 1350, .left_ns = 950},
		{.kept_ns = 1350, .left_ns = 950, .turns_until_priced = 30, .turns_until_on = 12},
		{.kept_ns = 6000, .left_ns = 900, .turns_until_priced = 10},
		{.kept_ns = 900, .left_ns = 890},
		{.kept_ns = 1350, .left_ns = 950, .filtered = 0.9},
		{.kept_ns = 3000, .left_ns = 900, .alone = true, .alone_from = 0.7},
		{.kept_ns = 3000, .left_ns = 900, .alone = true, .alone_from = 0.01},
	};

	for (size_t l = 0; l < ARRAY_SIZE(limits); l++)
		for (size_t r = 0; r < ARRAY_SIZE(rates); r++)
			for (size_t p = 0; p < ARRAY_SIZE(programs); p++)
				for (double seconds = 5; seconds < 100; seconds *= 4) {
					struct program program = programs[p];
					/* A single turn at full rate may cost more than the limit
					 * allows for the whole time. */
					double turn = rates[r] * TURN * program.kept_ns / 1e9;
					struct outcome got;

					program.rate = rates[r];
					got = run_new(limits[l], &program, seconds);
					if (got.spent >
					    limits[l] * seconds + 2 * turn + limits[l] * 0.5)
						fail_msg("limit %g, rate %g, program %zu: %g of "
							 "%g s",
							 limits[l], rates[r], p, got.spent,
							 seconds);
				}
}

/* A program whose cost is below the limit is left alone. */
TEST(test_cheap)
{
	const struct program program = {.rate = 10000, .kept_ns = 1500, .left_ns = 1000};
	struct outcome got = run_new(0.02, &program, 20);

	assert_int_equal(got.samples, 0);
	assert_int_equal(got.offs, 0);
	assert_true(got.sampled == 0);
}

/* If a sample is enough, no probe is removed. Its fraction is close to the possible one, and
 * stays. */
TEST(test_sample)
{
	/* The program costs 8 % without a sample, and 4.8 % with a tenth. */
	const struct program program = {.rate = 20000, .kept_ns = 4000, .left_ns = 1000};
	struct outcome got = run_new(0.04, &program, 20);

	assert_int_equal(got.offs, 0);
	assert_true(got.samples >= 1 && got.samples <= 3);
	assert_true(got.fraction_min > 0.1 && got.fraction_max < 0.34);
	assert_true(got.fraction_min == got.fraction_max);
	assert_true(got.spent > 0.02 * 20);
}

/* If a filter of the engine stops hits, fewer can be sampled. */
TEST(test_sample_filtered)
{
	const struct program program = {
		.rate = 20000, .kept_ns = 4000, .left_ns = 1000, .filtered = 0.5};
	struct outcome got = run_new(0.07, &program, 20);

	assert_int_equal(got.offs, 0);
	assert_true(got.samples >= 1);
	assert_true(got.spent <= 0.07 * 20);
}

/* If the traps alone cost too much, the probes are removed at even intervals. A sample never drops
 * half of the events as well. */
TEST(test_off)
{
	const struct program program = {.rate = 500000, .kept_ns = 1400, .left_ns = 900};
	struct outcome got = run_new(0.02, &program, 60);
	double watched = 1 - got.seconds_off / got.seconds;

	assert_true(got.offs > 10);
	assert_true(got.sampled < got.hits / 10);
	assert_true(watched > 0.01 && watched < 0.029); /* 70 % for 2 % */
}

/* A sample of goroutines is useless if a single one deletes, because the sample has all events or
 * none. */
TEST(test_alone)
{
	for (double from = 0.01; from < 1; from += 0.14) {
		const struct program program = {.rate = 20000,
						.kept_ns = 4000,
						.left_ns = 1000,
						.alone = true,
						.alone_from = from};
		struct outcome got = run_new(0.04, &program, 40);

		assert_true(got.hits - got.sampled > 10000); /* something is shown */
		assert_true(got.offs > 0);
	}
}

/* The limit follows a program that deletes more, and then less. */
TEST(test_follows)
{
	struct program program = {.rate = 5000, .kept_ns = 4000, .left_ns = 1000};
	struct throttle throttle;
	struct outcome got;

	throttle_init(&throttle, 0.04, true, false);
	got = run(&throttle, &program, 10);
	assert_true(got.samples == 0 && got.offs == 0 && throttle.fraction == 1);
	program.rate = 20000;
	got = run(&throttle, &program, 10);
	assert_true(throttle.fraction < 1 && got.offs == 0);
	program.rate = 1e6;
	got = run(&throttle, &program, 30);
	assert_true(got.offs > 0);
	program.rate = 5000;
	got = run(&throttle, &program, 30);
	assert_true(got.fraction_min == 1 && !throttle.off);
	assert_true(got.seconds_off < 15);
}

/* A burst costs credit, and does not end tracing for good. A lasting load does. */
TEST(test_stop)
{
	struct program program = {.rate = 500000, .kept_ns = 1400, .left_ns = 900};
	struct throttle throttle;
	struct outcome got;

	throttle_init(&throttle, 0.02, true, true);
	got = run(&throttle, &program, 0.02);
	assert_int_equal(got.offs, 0);
	program.rate = 100;
	got = run(&throttle, &program, 10);
	assert_int_equal(got.offs, 0);
	program.rate = 500000;
	got = run(&throttle, &program, 2);
	assert_int_equal(got.offs, 1);
	assert_true(throttle.off);
}

/* Nothing is sampled if sampling is not allowed. */
TEST(test_no_sample)
{
	const struct program program = {.rate = 20000, .kept_ns = 4000, .left_ns = 1000};
	struct throttle throttle;
	struct outcome got;

	throttle_init(&throttle, 0.04, false, false);
	got = run(&throttle, &program, 20);
	assert_int_equal(got.samples, 0);
	assert_true(got.offs > 0);
	assert_true(got.spent <= 0.04 * 20);
}

/* Costs that were charged by a guess are charged again when prices are known. */
TEST(test_priced)
{
	struct program program = {
		.rate = 1000, .kept_ns = 9000, .left_ns = 1000, .turns_until_priced = 50};
	struct throttle throttle;
	struct outcome got;

	throttle_init(&throttle, 1, true, false);
	got = run(&throttle, &program, 2);
	assert_true(fabs(throttle.spent - got.spent) < 1e-6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit_holds), cmocka_unit_test(test_cheap),
		cmocka_unit_test(test_sample),	    cmocka_unit_test(test_sample_filtered),
		cmocka_unit_test(test_off),	    cmocka_unit_test(test_alone),
		cmocka_unit_test(test_follows),	    cmocka_unit_test(test_stop),
		cmocka_unit_test(test_no_sample),   cmocka_unit_test(test_priced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
