/* report: lists and tables that are no stream of events: the sites of a binary, explained
 * addresses; as text and as JSON Lines.
 */
#ifndef SHOW_REPORT_REPORT_H
#define SHOW_REPORT_REPORT_H

#include "show/report/addr.h"
#include "show/report/sites.h"

#endif
