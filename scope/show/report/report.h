/* report: prints lists that are no streams of events, as text and as JSON Lines. They are the sites
 * of a binary, explained addresses, processes, the probes that a trace would place, and what works on a
 * machine.
 *
 * To add a report:
 *   1. write <name>.h: declare a row, and `<name>_text()` and `<name>_json()`, which take rows;
 *   2. write <name>.c: declare the columns (show/columns/columns.h), and call columns_text() and
 *      columns_json() in those two functions; list it in meson.build;
 *   3. include <name>.h below, and call the functions from the verb, scope/cmd/<verb>.c;
 *   4. write tests/unit/test_report_<name>.c, name it in tests/unit/meson.build, and let it make
 *      tests/golden/<name>.{text,json}.golden (UPDATE_GOLDEN=1);
 *   5. describe the members in docs/man/tophash-<verb>.1.
 */
#ifndef SHOW_REPORT_REPORT_H
#define SHOW_REPORT_REPORT_H

#include "show/report/addr.h"
#include "show/report/doctor.h"
#include "show/report/map_changes.h"
#include "show/report/map_facts.h"
#include "show/report/map_groups.h"
#include "show/report/map_steps.h"
#include "show/report/held.h"
#include "show/report/maps.h"
#include "show/report/plan.h"
#include "show/report/ps.h"
#include "show/report/sites.h"

#endif
