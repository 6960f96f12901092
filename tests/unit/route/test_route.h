/* The groups of this program. */
#ifndef BRAMA_TEST_ROUTE_H
#define BRAMA_TEST_ROUTE_H

int test_path(void);
int test_overlap(void);
int test_pattern(void);

#endif
