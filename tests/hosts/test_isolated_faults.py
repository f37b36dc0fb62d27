from kernel import test_faults as original
from kernel.test_faults import (  # noqa: F401
    test_a_fork_bomb_hits_max_processes,
    test_a_full_mailbox_answers,
    test_a_result_that_contains_itself_is_an_error_for_python,
    test_a_stopping_host_refuses_spawns,
    test_an_endless_loop_does_not_stop_others,
    test_max_processes_counts_the_whole_host,
    test_stopping_a_host_cancels_and_then_kills,
    test_top_level_code_that_never_ends_fails_the_spawn,
    test_unbounded_memory_ends_the_process_alone,
    test_values_nested_too_deeply_fail_alone,
)

from .isolated import isolated

isolation = isolated(original)
