#ifndef SAME_NAME_H
#define SAME_NAME_H

void fill_there(void);

#endif
