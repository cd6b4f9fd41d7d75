/* throttle: decides what to do so that tracing costs no more than a limit (--max-overhead). It touches no
 * engine: it is told what has happened, and says what to do.
 *
 * It keeps an account. Time brings credit, and hits spend it. While there is debt, it lowers the fraction
 * of the sample, which saves what follows the trap. Where the traps alone are dearer than the limit, the
 * probes come off until the debt is paid and there is credit for a stretch of probes again. */
#ifndef WATCH_SESSION_THROTTLE_H
#define WATCH_SESSION_THROTTLE_H

#include "base/base.h"

/* What hits cost the traced program, in nanoseconds of CPU time. */
struct throttle_prices {
	bool measured;	/* else it is a guess */
	double kept_ns; /* a hit, on the average, when nothing is sampled out */
	double left_ns; /* a hit that is sampled out; up to kept_ns */
	double trap_ns; /* a trap that is no hit */
};

/* What has happened since the turn before. */
struct throttle_step {
	double seconds;
	/* filtered: by the engine. A hit that is filtered is not sampled out. */
	uint64_t hits, filtered, sampled;
	uint64_t paused; /* traps that were no hits, for the probes were coming or going */
	struct throttle_prices prices;
};

enum throttle_action {
	THROTTLE_NOTHING,
	THROTTLE_SAMPLE, /* take the fraction over */
	THROTTLE_OFF,	 /* take the probes off; the fraction is 1 then */
	THROTTLE_ON,	 /* place them again, and set `off` to false when that is done */
};

struct throttle {
	double limit;	 /* of one CPU: 0.02 is 2 % */
	bool samples;	 /* hits can be sampled */
	bool stops;	 /* THROTTLE_OFF is for good, and comes after a longer debt */
	double fraction; /* of the goroutines or keys that are in the sample */
	bool off;	 /* the probes are off */
	double spent;	 /* seconds of CPU, since the beginning */
	/* Its own. */
	double credit;	     /* seconds of CPU; below 0: a debt */
	double rate;	     /* hits a second while probes stand, smoothed */
	double passing;	     /* the part of them that no filter of the engine stops, smoothed */
	double kept;	     /* the part of those that are in the sample, smoothed */
	double since_change; /* seconds since the fraction changed */
	double no_sample_seconds; /* for so long sampling is not tried */
	bool priced;		  /* prices were measured */
	double hits, sampled;	  /* until then */
	double guessed;		  /* what they were charged */
};

/* limit: above 0. */
void throttle_init(struct throttle *throttle, double limit, bool samples, bool stops);
/* Takes over what has happened. To be called some ten or hundred times a second. */
enum throttle_action throttle_turn(struct throttle *throttle, const struct throttle_step *step);

#endif
