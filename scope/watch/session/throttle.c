#include "watch/session/throttle.h"

/* The account is filled with a part of the limit only, because what is measured may be wrong. */
#define AIM 0.9
/* A sample costs less than that, so that debts are paid; or little less, where no sample costs so little. */
#define SAMPLE_AIM  0.8
#define SAMPLE_MOST 0.88
/* Credit for more time than this is not kept: a program that did nothing for an hour may not be slowed
 * for a minute. */
#define CREDIT_SECONDS 1.0
#define FIRST_SECONDS  0.1 /* of credit at the beginning */
#define PATIENCE       1.0 /* of debt before tracing ends for good: a burst is no reason */
#define GUESS_PATIENCE 0.3 /* of debt while prices are a guess */
/* A smaller sample says too little. */
#define FRACTION_MIN (1.0 / 64)
/* The fraction stays for a while: whoever follows one goroutine wants to see all that it does. */
#define SETTLE_SECONDS 0.5 /* before it is lowered again, or found to be of no use */
#define RAISE_SECONDS  2.0
#define RAISE_FACTOR   1.25 /* a smaller rise is not worth it */
#define LOWER_FACTOR   0.95
/* How long the probes stand at least, on the average, when they come off again and again; and how long
 * they are off at least. To take them off takes 20 to 120 ms, to place them 1 to 10. */
#define ON_SECONDS  0.05
#define OFF_SECONDS 0.25
/* A sample is of no use when it keeps so many times less than it should: few goroutines (or keys) do most
 * of the deletes, and they are left out. */
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

/* Charges for the hits. What was charged before anything was measured is charged anew. */
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

/* Follows the rate and what becomes of the hits. */
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

/* Tells whether what there is now costs less than comes in. */
static bool pays_debts(const struct throttle *throttle, const struct throttle_prices *prices)
{
	double left = throttle->passing * (1 - throttle->kept);
	double ns = prices->kept_ns - left * (prices->kept_ns - prices->left_ns);

	return throttle->rate * ns < AIM * throttle->limit * 1e9;
}

/* Tells whether the sample keeps next to nothing. */
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

/* The sample does not do, or there is none. */
static enum throttle_action take_off(struct throttle *throttle)
{
	if (throttle->fraction < 1)
		throttle->no_sample_seconds = NO_SAMPLE_SECONDS;
	throttle->off = true;
	throttle->fraction = throttle->kept = 1;
	return THROTTLE_OFF;
}

/* Returns for how many seconds of the limit a debt is borne. */
static double patience(const struct throttle *throttle)
{
	if (throttle->stops)
		return PATIENCE;
	return throttle->priced ? 0 : GUESS_PATIENCE;
}

/* Decides while probes stand. */
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

/* Returns the credit at which the probes come back. */
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
