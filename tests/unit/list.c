/* list.h promises:
 *   - a new list is empty, and a new node is linked nowhere
 *   - records leave in the order in which they were pushed to the back, and reversed when pushed to the front
 *   - first does not unlink, pop does
 *   - a record can be removed from the middle, and removing a node that is linked nowhere does nothing
 *   - list_record finds the record of a node
 *   - any mix of calls gives what an array would give
 */
#include "base/list.h"

#include <string.h>

#include "lib/check.h"

struct item {
    char name;
    struct list_node node;
};

/* The names on the list from front to back, having checked that the way back is the same one. */
static const char *names(const struct list_node *list)
{
    static char text[64];
    size_t count = 0;
    for (const struct list_node *node = list->next; node != list; node = node->next) {
        check_true(node->next->prev == node);
        text[count++] = list_record(node, struct item, node)->name;
    }
    text[count] = 0;
    return text;
}

static struct item item(char name)
{
    return (struct item){.name = name};
}

static void list_starts_empty_and_nodes_start_unlinked(void **state)
{
    (void)state;
    struct list_node list, node;
    list_init(&list);
    list_init(&node);
    check_true(list_empty(&list));
    check_true(!list_linked(&node));
    check_true(list_first(&list) == NULL);
    check_true(list_pop_front(&list) == NULL);
}

static void list_keeps_the_order_of_pushes(void **state)
{
    (void)state;
    struct list_node list;
    struct item a = item('a'), b = item('b'), c = item('c'), d = item('d');
    list_init(&list);
    list_push_back(&list, &b.node);
    list_push_back(&list, &d.node);
    list_push_front(&list, &a.node);
    list_insert_before(&d.node, &c.node);
    check_str(names(&list), "abcd");
}

static void list_first_leaves_the_node_linked_and_pop_takes_it_off(void **state)
{
    (void)state;
    struct list_node list;
    struct item a = item('a'), b = item('b');
    list_init(&list);
    list_push_back(&list, &a.node);
    list_push_back(&list, &b.node);

    check_true(list_first(&list) == &a.node);
    check_true(list_linked(&a.node));
    check_true(list_pop_front(&list) == &a.node);
    check_true(!list_linked(&a.node));
    check_str(names(&list), "b");
    check_true(list_pop_front(&list) == &b.node);
    check_true(list_empty(&list));
}

static void list_removes_from_the_middle_and_removing_twice_is_harmless(void **state)
{
    (void)state;
    struct list_node list;
    struct item a = item('a'), b = item('b'), c = item('c');
    list_init(&list);
    list_push_back(&list, &a.node);
    list_push_back(&list, &b.node);
    list_push_back(&list, &c.node);

    list_remove(&b.node);
    check_true(!list_linked(&b.node));
    check_str(names(&list), "ac");
    list_remove(&b.node);
    check_str(names(&list), "ac");
}

static void list_of_one_item_is_linked(void **state)
{
    (void)state;
    struct list_node list;
    struct item a = item('a');
    list_init(&list);
    list_push_back(&list, &a.node);
    check_true(list_linked(&a.node));
    check_true(!list_empty(&list));
}

/* Every sequence of six calls out of four: push a to the front, push b to the back, pop, remove a. */
static void list_agrees_with_an_array_on_every_short_sequence(void **state)
{
    (void)state;
    enum { CALLS = 4, LENGTH = 6, SEQUENCES = 4096 };
    for (unsigned sequence = 0; sequence < SEQUENCES; sequence++) {
        struct list_node list;
        struct item a = item('a'), b = item('b');
        char model[4] = "";
        list_init(&list);
        list_init(&a.node);
        list_init(&b.node);
        unsigned rest = sequence;
        for (int step = 0; step < LENGTH; step++, rest /= CALLS) {
            char *at = strchr(model, 'a');
            if (rest % CALLS == 0 && !at) {
                list_push_front(&list, &a.node);
                memmove(model + 1, model, 2);
                model[0] = 'a';
            } else if (rest % CALLS == 1 && !strchr(model, 'b')) {
                list_push_back(&list, &b.node);
                strcat(model, "b");
            } else if (rest % CALLS == 2) {
                struct list_node *node = list_pop_front(&list);
                check_eq(node ? list_record(node, struct item, node)->name : 0, model[0]);
                memmove(model, model + 1, 3);
            } else if (rest % CALLS == 3) {
                list_remove(&a.node);
                if (at) memmove(at, at + 1, strlen(at));
            }
            check_str(names(&list), model);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_starts_empty_and_nodes_start_unlinked),
        cmocka_unit_test(list_keeps_the_order_of_pushes),
        cmocka_unit_test(list_first_leaves_the_node_linked_and_pop_takes_it_off),
        cmocka_unit_test(list_removes_from_the_middle_and_removing_twice_is_harmless),
        cmocka_unit_test(list_of_one_item_is_linked),
        cmocka_unit_test(list_agrees_with_an_array_on_every_short_sequence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
