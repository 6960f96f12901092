/* The program; each file has its group. */
#include "fixture.h"

int main(void)
{
    return run_uri() + run_schema() + run_v1() + run_jwt() + run_v2() + run_support() +
           run_facts() + run_gateway() + run_world() + run_converted() + run_manifests();
}
