/* list.h: an intrusive, circular, doubly linked list.
 *
 * A record embeds a struct list_node for each list it can stand on; the list is a node of its own. A node that
 * stands on no list points at itself, so removal is safe at any time and appending never fails.
 */
#ifndef WEFT_BASE_LIST_H
#define WEFT_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
    struct list_node *prev;
    struct list_node *next;
};

/* The record of type that holds the node as member. */
#define list_record(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

static inline void list_init(struct list_node *list)
{
    list->prev = list->next = list;
}

static inline bool list_empty(const struct list_node *list)
{
    return list->next == list;
}

/* Whether the node stands on some list. */
static inline bool list_linked(const struct list_node *node)
{
    return node->next != node;
}

static inline void list_insert_before(struct list_node *at, struct list_node *node)
{
    node->prev = at->prev;
    node->next = at;
    at->prev->next = node;
    at->prev = node;
}

static inline void list_push_back(struct list_node *list, struct list_node *node)
{
    list_insert_before(list, node);
}

static inline void list_push_front(struct list_node *list, struct list_node *node)
{
    list_insert_before(list->next, node);
}

/* Takes the node off its list, if it stands on one. */
static inline void list_remove(struct list_node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* First node, still linked; NULL when empty. */
static inline struct list_node *list_first(const struct list_node *list)
{
    return list_empty(list) ? NULL : list->next;
}

static inline struct list_node *list_pop_front(struct list_node *list)
{
    struct list_node *node = list_first(list);
    if (node) list_remove(node);
    return node;
}

#endif
