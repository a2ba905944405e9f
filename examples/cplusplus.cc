/* cplusplus: weft from C++17. The interface is C; a few lines give it destructors, exceptions and lambdas.
 *
 * It prints:
 *
 *   upper: completed: WEFT
 *   upper: failed: empty: nothing to do
 *   count: completed: 1
 *   count: completed: 2
 */
#include <cctype>
#include <cstdio>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <weft/weft.h>

/* --- the wrapper ---------------------------------------------------------------------------------------------------- */

/* What a call that failed had to say. */
struct Error : std::runtime_error {
    weft_error code;
    explicit Error(weft_error failed)
        : std::runtime_error(std::string(weft_error_name(failed)) + ": " + weft_error_message()), code(failed)
    {
    }
};

static void check(weft_error error)
{
    if (error != WEFT_OK) throw Error(error);
}

static weft_bytes bytes(std::string_view text)
{
    return {text.data(), text.size()};
}

static std::string_view text(weft_bytes bytes)
{
    return {static_cast<const char *>(bytes.data), bytes.size};
}

struct NodeCloser {
    void operator()(weft_node *node) const
    {
        while (weft_node_close(node, 1000) == WEFT_EBUSY)
            std::fprintf(stderr, "still waiting: %s\n", weft_error_message());
    }
};
using Node = std::unique_ptr<weft_node, NodeCloser>;

static Node open_node()
{
    weft_node *node;
    check(weft_node_open(nullptr, &node));
    return Node(node);
}

/* A reply that is released. Moves; does not copy. */
class Reply
{
  public:
    Reply() = default;
    Reply(Reply &&other) noexcept : reply(std::exchange(other.reply, {}))
    {
    }
    Reply &operator=(Reply &&) = delete;
    ~Reply()
    {
        weft_reply_release(&reply);
    }
    weft_reply *operator->()
    {
        return &reply;
    }
    weft_reply *out()
    {
        return &reply;
    }

  private:
    weft_reply reply{};
};

static Reply dispatch(const Node &node, const char *channel, std::string_view payload,
                      const weft_dispatch_options &options = WEFT_DISPATCH_OPTIONS)
{
    Reply reply;
    check(weft_dispatch(node.get(), channel, bytes(payload), &options, reply.out()));
    return reply;
}

/* A worker whose handler is any callable of a std::string_view that returns a std::string. What it throws fails the
 * task: an exception must not leave the C function, for there is nobody on the other side to catch it. */
template <typename Handler> class Worker
{
  public:
    Worker(const Node &node, const char *channel, Handler does) : handler(std::move(does))
    {
        check(weft_worker_register(node.get(), channel, run, this, nullptr, &worker));
    }
    Worker(const Worker &) = delete; /* weft holds its address */
    Worker &operator=(const Worker &) = delete;
    ~Worker()
    {
        weft_worker_unregister(worker);
    } /* waits for the handlers that run */

  private:
    static void run(weft_task *task, void *context) noexcept
    {
        try {
            std::string result = static_cast<Worker *>(context)->handler(text(weft_task_payload(task)));
            weft_task_complete(task, bytes(result));
        } catch (const std::invalid_argument &wrong) {
            weft_task_fail(task, "empty", wrong.what());
        } catch (const std::exception &wrong) {
            weft_task_fail(task, "exception", wrong.what());
        }
    }
    Handler handler;
    weft_worker *worker = nullptr;
};

/* --- the program ---------------------------------------------------------------------------------------------------- */

static void print(const char *what, Reply reply)
{
    std::string_view result = text(reply->payload);
    if (reply->outcome == WEFT_COMPLETED)
        std::printf("%s: completed: %.*s\n", what, static_cast<int>(result.size()), result.data());
    else
        std::printf("%s: %s: %s: %s\n", what, weft_outcome_name(reply->outcome), reply->code,
                    reply->message ? reply->message : "");
}

int main()
try {
    Node node = open_node();
    check(weft_channel_declare(node.get(), "dispatch.example.upper", nullptr));
    check(weft_channel_declare(node.get(), "dispatch.example.count", nullptr));

    Worker upper(node, "dispatch.example.upper", [](std::string_view word) {
        if (word.empty()) throw std::invalid_argument("nothing to do");
        std::string result(word);
        for (char &letter : result)
            letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
        return result;
    });
    int calls = 0; /* one call at a time: a worker's max_concurrent is 1 unless its options say more */
    Worker count(node, "dispatch.example.count", [&calls](std::string_view) { return std::to_string(++calls); });

    print("upper", dispatch(node, "dispatch.example.upper", "weft"));
    print("upper", dispatch(node, "dispatch.example.upper", ""));
    print("count", dispatch(node, "dispatch.example.count", ""));
    print("count", dispatch(node, "dispatch.example.count", ""));
    return 0; /* the workers are unregistered, then the node is closed */
} catch (const std::exception &wrong) {
    std::fprintf(stderr, "cplusplus: %s\n", wrong.what());
    return 1;
}
