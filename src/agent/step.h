/* Where the agent may die. A crash can come anywhere; what it leaves behind is different before and
 * after each of these places, so a test ends the agent at every one of them and starts the next.
 */
#ifndef BRAMA_AGENT_STEP_H
#define BRAMA_AGENT_STEP_H

#ifdef BRAMA_TEST_BUILD
/* With BRAMA_TEST_DIE_AT=k in the environment the k-th call, counted from 1, kills this process: no
 * word, no cleaning up. */
void brama__step(void);
#else
/* What is built for use knows no such variable. */
static inline void brama__step(void)
{
}
#endif

#endif
