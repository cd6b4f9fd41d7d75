/* report: lists that are no stream of events, as text and as JSON Lines: the sites of a binary,
 * explained addresses.
 *
 * To add a report:
 *   1. write <name>.h: what a row is, and `<name>_text()` and `<name>_json()`, which take rows;
 *   2. write <name>.c: declare the columns (show/columns/columns.h), and call columns_text() and
 *      columns_json() in those two functions; list it in meson.build;
 *   3. include <name>.h below, and call the functions from the verb in cmd/;
 *   4. add tests/golden/<name>.{text,json}.golden with a unit test, and describe the members in the
 *      verb's manual page.
 */
#ifndef SHOW_REPORT_REPORT_H
#define SHOW_REPORT_REPORT_H

#include "show/report/addr.h"
#include "show/report/sites.h"

#endif
