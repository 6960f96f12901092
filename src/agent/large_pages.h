/* The agent's heap in large pages. Its rounds walk through a hundred megabytes of parsed rules,
 * here and there; with pages of 4 KiB a sixth of the time went into finding them. */
#ifndef BRAMA_AGENT_LARGE_PAGES_H
#define BRAMA_AGENT_LARGE_PAGES_H

/* Before anything large is allocated. Takes address space only, memory as it is used; where the
 * kernel or the C library has another mind, nothing is different. */
void brama__large_pages(void);

#endif
