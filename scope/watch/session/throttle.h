/* throttle: decides what to do to keep the cost of tracing below a limit (--max-overhead). It does
 * not touch the engine. Its caller reports events to it, and carries out its decisions.
 *
 * It keeps an account. Time brings credit, and hits spend it. While there is debt, it lowers the
 * fraction of the sample, which saves the work after the trap. If the traps alone cost more than
 * the limit, the probes are removed until the debt is paid and there is credit to place them again
 * for a time. */
#ifndef WATCH_SESSION_THROTTLE_H
#define WATCH_SESSION_THROTTLE_H

#include "base/base.h"

/* What hits cost the traced program, in nanoseconds of CPU time. */
struct throttle_prices {
	bool measured;	/* otherwise they are guesses */
	double kept_ns; /* average cost of a hit if nothing is sampled out */
	double left_ns; /* cost of a hit that is sampled out; at most kept_ns */
	double trap_ns; /* a trap that is not a hit */
};

/* The events since the previous turn. */
struct throttle_step {
	double seconds;
	/* `filtered` counts hits that the engine filtered. They are not sampled out. */
	uint64_t hits, filtered, sampled;
	uint64_t paused; /* traps that were not hits, because probes were being placed or removed */
	struct throttle_prices prices;
};

enum throttle_action {
	THROTTLE_NOTHING,
	THROTTLE_SAMPLE, /* sample with throttle.fraction from now on */
	THROTTLE_OFF,	 /* remove the probes; the fraction is then 1 */
	THROTTLE_ON,	 /* place them again, and set `off` to false when that is done */
};

struct throttle {
	double limit;	 /* of one CPU: 0.02 is 2 % */
	bool samples;	 /* hits can be sampled */
	bool stops;	 /* THROTTLE_OFF ends tracing, and comes only after a longer debt */
	double fraction; /* of the goroutines or keys that are in the sample */
	bool off;	 /* the probes are off */
	double spent;	 /* seconds of CPU, since the beginning */
	/* Private members. */
	double credit;	     /* seconds of CPU; negative: a debt */
	double rate;	     /* hits a second while probes are placed, smoothed */
	double passing;	     /* the part of the hits that no filter of the engine stops, smoothed */
	double kept;	     /* the part of those that are in the sample, smoothed */
	double since_change; /* seconds since the fraction changed */
	double no_sample_seconds; /* sampling is not tried for this time */
	bool priced;		  /* prices were measured */
	double hits, sampled;	  /* until prices were measured */
	double guessed;		  /* the charge for these */
};

/* Begins an account. `limit` is above 0. */
void throttle_init(struct throttle *throttle, double limit, bool samples, bool stops);
/* Takes the events of a step into account, and returns what to do. Call it 10 to 100 times a
 * second. */
enum throttle_action throttle_turn(struct throttle *throttle, const struct throttle_step *step);

#endif
