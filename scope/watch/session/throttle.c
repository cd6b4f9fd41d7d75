#include "watch/session/throttle.h"

/* Only this part of the limit becomes credit, because the measured costs may be wrong. */
#define AIM 0.9
/* A sample aims at a part of the limit below AIM, which leaves credit to pay debts. If the smallest
 * fraction costs more than SAMPLE_AIM, it may use SAMPLE_MOST. */
#define SAMPLE_AIM  0.8
#define SAMPLE_MOST 0.88
/* At most the credit of this time is kept. Otherwise a program could be slowed for a minute after
 * it did nothing for an hour. */
#define CREDIT_SECONDS 1.0
#define FIRST_SECONDS  0.1 /* of credit at the beginning */
#define PATIENCE       1.0 /* of debt before tracing ends; a burst must not end it */
#define GUESS_PATIENCE 0.3 /* of debt while prices are a guess */
/* A smaller sample would show too little. */
#define FRACTION_MIN (1.0 / 64)
/* The fraction is kept for at least this time, because users who follow a goroutine want to see
 * everything that it does. */
#define SETTLE_SECONDS 0.5 /* before it is lowered again, or found to be useless */
#define RAISE_SECONDS  2.0
#define RAISE_FACTOR   1.25 /* a smaller rise is not worth it */
#define LOWER_FACTOR   0.95
/* If the probes are removed again and again, they are placed for ON_SECONDS on average, and are off
 * for at least OFF_SECONDS. Removing them takes 20 to 120 ms, and placing them 1 to 10 ms. */
#define ON_SECONDS  0.05
#define OFF_SECONDS 0.25
/* A sample is useless if it keeps this many times less than it should. Then a few goroutines (or
 * keys) do most of the deletes, and are left out. */
#define VOID		  4.0
#define VOID_SECONDS	  2.0
#define NO_SAMPLE_SECONDS 60.0 /* before it is tried again */
#define SMOOTH_SECONDS	  0.25

void throttle_init(struct throttle *throttle, double limit, bool samples, bool stops)
{
	*throttle = (struct throttle){
		.limit = limit,
		.samples = samples,
		.stops = stops,
		.fraction = 1,
		.credit = AIM * limit * FIRST_SECONDS,
		.passing = 1,
		.kept = 1,
		.since_change = SETTLE_SECONDS,
	};
}

static double cost_of(const struct throttle_prices *prices, double hits, double sampled)
{
	return (hits * prices->kept_ns - sampled * (prices->kept_ns - prices->left_ns)) / 1e9;
}

static void spend(struct throttle *throttle, double seconds)
{
	throttle->spent += seconds;
	throttle->credit -= seconds;
}

/* Charges for the hits. When prices are measured for the first time, earlier hits are charged
 * again. */
static void charge(struct throttle *throttle, const struct throttle_step *step)
{
	double hits = (double)step->hits, sampled = (double)step->sampled;

	spend(throttle, (double)step->paused * step->prices.trap_ns / 1e9);
	if (!throttle->priced) {
		throttle->hits += hits;
		throttle->sampled += sampled;
	}
	if (!throttle->priced && step->prices.measured) {
		throttle->priced = true;
		spend(throttle, cost_of(&step->prices, throttle->hits, throttle->sampled) -
					throttle->guessed);
		return;
	}
	spend(throttle, cost_of(&step->prices, hits, sampled));
	throttle->guessed += cost_of(&step->prices, hits, sampled);
}

static void smooth(double *value, double now, double seconds)
{
	*value += (now - *value) * seconds / (seconds + SMOOTH_SECONDS);
}

/* Updates the smoothed rate, and the parts of the hits that pass and that are kept. */
static void follow(struct throttle *throttle, const struct throttle_step *step)
{
	double hits = (double)step->hits;
	double passing = hits - (double)step->filtered;

	if (throttle->off || step->seconds <= 0)
		return;
	if (throttle->rate <= 0)
		throttle->rate = hits / step->seconds;
	smooth(&throttle->rate, hits / step->seconds, step->seconds);
	if (hits > 0)
		smooth(&throttle->passing, passing / hits, step->seconds);
	if (passing > 0)
		smooth(&throttle->kept, 1 - (double)step->sampled / passing, step->seconds);
}

/* Returns the fraction that keeps the cost at a part of the limit: 1 or less; 0 or less when none does. */
static double fraction_at(const struct throttle *throttle, const struct throttle_prices *prices,
			  double part)
{
	double saving = throttle->rate * throttle->passing * (prices->kept_ns - prices->left_ns);
	double over = throttle->rate * prices->kept_ns - part * throttle->limit * 1e9;

	if (over <= 0)
		return 1;
	return saving > 0 ? 1 - over / saving : 0;
}

static double fraction_for(const struct throttle *throttle, const struct throttle_prices *prices)
{
	double fraction = fraction_at(throttle, prices, SAMPLE_AIM);

	return fraction >= FRACTION_MIN ? fraction : fraction_at(throttle, prices, SAMPLE_MOST);
}

/* Tells whether the current cost is below the income of credit. */
static bool pays_debts(const struct throttle *throttle, const struct throttle_prices *prices)
{
	double left = throttle->passing * (1 - throttle->kept);
	double ns = prices->kept_ns - left * (prices->kept_ns - prices->left_ns);

	return throttle->rate * ns < AIM * throttle->limit * 1e9;
}

/* Tells whether the sample keeps almost nothing. */
static bool is_void(const struct throttle *throttle)
{
	return throttle->kept < throttle->fraction / VOID && throttle->since_change >= VOID_SECONDS;
}

static enum throttle_action set_fraction(struct throttle *throttle, double fraction)
{
	throttle->fraction = fraction;
	throttle->kept = fraction;
	throttle->since_change = 0;
	return THROTTLE_SAMPLE;
}

/* Removes the probes, because the sample does not save enough, or there is none. */
static enum throttle_action take_off(struct throttle *throttle)
{
	if (throttle->fraction < 1)
		throttle->no_sample_seconds = NO_SAMPLE_SECONDS;
	throttle->off = true;
	throttle->fraction = throttle->kept = 1;
	return THROTTLE_OFF;
}

/* Returns how much debt is tolerated, in seconds of the limit. */
static double patience(const struct throttle *throttle)
{
	if (throttle->stops)
		return PATIENCE;
	return throttle->priced ? 0 : GUESS_PATIENCE;
}

/* Decides while the probes are placed. */
static enum throttle_action decide_on(struct throttle *throttle,
				      const struct throttle_prices *prices)
{
	bool may_sample = throttle->samples && throttle->no_sample_seconds <= 0;
	double want = fraction_for(throttle, prices);

	if (throttle->fraction < 1 && throttle->since_change < SETTLE_SECONDS)
		return THROTTLE_NOTHING;
	if (is_void(throttle))
		return take_off(throttle);
	if (throttle->credit < 0) {
		if (pays_debts(throttle, prices))
			return THROTTLE_NOTHING;
		if (may_sample && want >= FRACTION_MIN && want < throttle->fraction * LOWER_FACTOR)
			return set_fraction(throttle, want);
		if (throttle->credit > -throttle->limit * patience(throttle))
			return THROTTLE_NOTHING;
		return take_off(throttle);
	}
	if (throttle->fraction < 1 && throttle->since_change >= RAISE_SECONDS &&
	    (want >= 1 || want > throttle->fraction * RAISE_FACTOR))
		return set_fraction(throttle, want);
	return THROTTLE_NOTHING;
}

/* Returns the credit at which the probes are placed again. */
static double credit_for_stretch(const struct throttle *throttle,
				 const struct throttle_prices *prices)
{
	double stretch = throttle->rate * prices->kept_ns / 1e9 * ON_SECONDS;
	double pause = AIM * throttle->limit * OFF_SECONDS;

	return stretch > pause ? stretch : pause;
}

enum throttle_action throttle_turn(struct throttle *throttle, const struct throttle_step *step)
{
	double most = AIM * throttle->limit * CREDIT_SECONDS;
	double stretch = credit_for_stretch(throttle, &step->prices);

	follow(throttle, step);
	throttle->credit += AIM * throttle->limit * step->seconds;
	charge(throttle, step);
	if (!throttle->off)
		throttle->since_change += step->seconds;
	throttle->no_sample_seconds -= step->seconds;
	if (throttle->off)
		return throttle->credit >= stretch ? THROTTLE_ON : THROTTLE_NOTHING;
	if (throttle->credit > most && throttle->credit > stretch)
		throttle->credit = most > stretch ? most : stretch;
	return decide_on(throttle, &step->prices);
}
