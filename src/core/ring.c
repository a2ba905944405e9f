/* ring.c: see ring.h. Points with equal hashes are ordered by weight, then by address: equal names on two channels
 * never share a ring, so in practice neither happens. */
#include "core/ring.h"

#include <stdbool.h>
#include <stddef.h>

static bool before(const struct ring_point *a, const struct ring_point *b)
{
    if (a->hash != b->hash) return a->hash < b->hash;
    if (a->weight != b->weight) return a->weight < b->weight;
    return (uintptr_t)a < (uintptr_t)b;
}

/* Splits the tree into what is before the point, and the rest. */
static void split(struct ring_point *root, const struct ring_point *point, struct ring_point **less,
                  struct ring_point **rest)
{
    while (root) {
        if (before(root, point)) {
            *less = root;
            less = &root->right;
            root = root->right;
        } else {
            *rest = root;
            rest = &root->left;
            root = root->left;
        }
    }
    *less = *rest = NULL;
}

void weft__ring_add(struct ring_point **root, struct ring_point *point)
{
    while (*root && (*root)->weight >= point->weight)
        root = before(*root, point) ? &(*root)->right : &(*root)->left;
    struct ring_point *below = *root;
    *root = point;
    split(below, point, &point->left, &point->right);
}

void weft__ring_remove(struct ring_point **root, struct ring_point *point)
{
    while (*root != point)
        root = before(*root, point) ? &(*root)->right : &(*root)->left;
    struct ring_point *a = point->left, *b = point->right;
    while (a && b) {
        if (a->weight >= b->weight) {
            *root = a;
            root = &a->right;
            a = a->right;
        } else {
            *root = b;
            root = &b->left;
            b = b->left;
        }
    }
    *root = a ? a : b;
    point->left = point->right = NULL;
}

static struct ring_point *leftmost(struct ring_point *root)
{
    while (root && root->left)
        root = root->left;
    return root;
}

struct ring_point *weft__ring_at(struct ring_point *root, uint64_t hash)
{
    struct ring_point *found = NULL;
    for (struct ring_point *p = root; p;) {
        if (p->hash >= hash) {
            found = p;
            p = p->left;
        } else {
            p = p->right;
        }
    }
    return found ? found : leftmost(root);
}

struct ring_point *weft__ring_after(struct ring_point *root, const struct ring_point *point)
{
    struct ring_point *found = NULL;
    for (struct ring_point *p = root; p;) {
        if (before(point, p)) {
            found = p;
            p = p->left;
        } else {
            p = p->right;
        }
    }
    return found ? found : leftmost(root);
}
