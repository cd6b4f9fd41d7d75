/* text: writes bytes from any source for a terminal or as JSON. Only this room knows escaping,
 * widths, colours and the syntax of JSON.
 *
 *   rune.h    UTF-8, and which runes a reader cannot see
 *   safe.h    text in which nothing acts on a terminal
 *   fit.h     columns: measuring, cutting, wrapping safe text
 *   style.h   colours
 *   number.h  floats and tenths as decimals
 *   json.h    JSON, appended piece by piece
 *   glob.h    shell patterns of the command line
 *   nearest.h finds the word that a misspelt one was meant to be
 */
#ifndef BASE_TEXT_TEXT_H
#define BASE_TEXT_TEXT_H

#include "base/base.h"
#include "base/text/rune.h"
#include "base/text/safe.h"
#include "base/text/fit.h"
#include "base/text/style.h"
#include "base/text/number.h"
#include "base/text/json.h"
#include "base/text/glob.h"
#include "base/text/nearest.h"

#endif
