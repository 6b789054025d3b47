#include "bytebound/budget.h"

#include "check.h"

static void charges_all_levels_or_none(void) {
    bb_budget root, middle, leaf;
    bb_refusal refusal = {0};
    bb_budget_init(&root, 100, NULL, true);
    bb_budget_init(&middle, 80, &root, true);
    bb_budget_init(&leaf, 1000, &middle, false);

    CHECK(bb_budget_exchange(&leaf, 0, 80, &refusal) == BB_OK);
    CHECK(root.total == 80 && middle.total == 80 && leaf.total == 80);
    CHECK(bb_budget_exchange(&leaf, 0, 1, &refusal) == BB_OVER_BUDGET);
    CHECK(refusal.level == &middle && refusal.limit == 80 && refusal.total == 80);
    CHECK(root.total == 80 && middle.total == 80 && leaf.total == 80);

    bb_budget_set_limit(&middle, 1000);
    CHECK(bb_budget_exchange(&leaf, 10, 31, &refusal) == BB_OVER_BUDGET);
    CHECK(refusal.level == &root);
    CHECK(bb_budget_exchange(&leaf, 10, 30, &refusal) == BB_OK);
    CHECK(root.total == 100 && leaf.total == 100 && leaf.peak == 100);
    CHECK(bb_budget_exchange(&leaf, 0, 901, &refusal) == BB_TOO_LARGE);
    CHECK(refusal.level == &leaf);

    bb_budget_close(&leaf);
    CHECK(root.total == 0 && middle.total == 0 && leaf.total == 0 && root.peak == 100);
    bb_budget_reset_peak(&root);
    CHECK(bb_budget_read(&root).peak == 0);
}

static void sizes_near_the_end_of_the_range_do_not_wrap(void) {
    bb_budget budget;
    bb_refusal refusal = {0};
    bb_budget_init(&budget, UINT64_MAX - 1, NULL, false);
    CHECK(bb_budget_exchange(&budget, 0, UINT64_MAX - 1, &refusal) == BB_OK);
    CHECK(bb_budget_exchange(&budget, 0, 2, &refusal) == BB_TOO_LARGE);
    CHECK(bb_budget_exchange(&budget, 0, UINT64_MAX, &refusal) == BB_TOO_LARGE);
    CHECK(bb_budget_exchange(&budget, 1, 2, &refusal) == BB_TOO_LARGE);
    CHECK(bb_budget_read(&budget).total == UINT64_MAX - 1);
    CHECK_VALID(bb_budget_validate, &budget);
}

static void a_lowered_limit_lets_totals_fall_only(void) {
    bb_budget budget;
    bb_refusal refusal = {0};
    bb_budget_init(&budget, 100, NULL, false);
    CHECK(bb_budget_exchange(&budget, 0, 100, &refusal) == BB_OK);
    bb_budget_set_limit(&budget, 10);
    CHECK(bb_budget_exchange(&budget, 5, 6, &refusal) == BB_TOO_LARGE);
    CHECK(bb_budget_exchange(&budget, 6, 6, &refusal) == BB_OK);
    CHECK(bb_budget_exchange(&budget, 6, 5, &refusal) == BB_OK);
    CHECK(budget.total == 99);
}

static void what_was_never_opened_may_be_closed(void) {
    bb_budget zeros = {0};
    bb_budget_close(&zeros);
    CHECK(zeros.total == 0);
}

int main(void) {
    charges_all_levels_or_none();
    sizes_near_the_end_of_the_range_do_not_wrap();
    a_lowered_limit_lets_totals_fall_only();
    what_was_never_opened_may_be_closed();
    return 0;
}
