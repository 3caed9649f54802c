#include "resonant/broker/post.h"

#include <fmt/core.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

#include <exception>

namespace resonant::broker {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

template <typename Stream>
asio::awaitable<PostAnswer> exchange(Stream& stream, const Post& post) {
    http::request<http::string_body> request(http::verb::post, post.target, 11);
    request.set(http::field::host, post.host + ":" + post.port);
    request.set(http::field::content_type, "application/json");
    request.set(http::field::accept, "application/json");
    request.set(http::field::connection, "close");
    if (!post.authorization.empty()) {
        request.set(http::field::authorization, post.authorization);
    }
    request.body() = post.body;
    request.prepare_payload();
    co_await http::async_write(stream, request, asio::use_awaitable);
    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(post.answer_bytes_max);
    co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
    co_return PostAnswer{parser.get().result_int(), std::move(parser.get().body())};
}

asio::awaitable<PostAnswer> run(const Post& post, asio::io_context& context) {
    asio::ip::tcp::resolver resolver(context);
    const auto places = co_await resolver.async_resolve(post.host, post.port, asio::use_awaitable);
    if (!post.is_encrypted) {
        beast::tcp_stream stream(context);
        co_await stream.async_connect(places, asio::use_awaitable);
        co_return co_await exchange(stream, post);
    }
    asio::ssl::context secrets(asio::ssl::context::tls_client);
    secrets.set_default_verify_paths();
    beast::ssl_stream<beast::tcp_stream> stream(context, secrets);
    stream.set_verify_mode(asio::ssl::verify_peer);
    stream.set_verify_callback(asio::ssl::host_name_verification(post.host));
    if (SSL_set_tlsext_host_name(stream.native_handle(), post.host.c_str()) != 1) {
        throw std::runtime_error("the host's name is refused by TLS");
    }
    co_await beast::get_lowest_layer(stream).async_connect(places, asio::use_awaitable);
    co_await stream.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
    co_return co_await exchange(stream, post);
}

}  // namespace

Result<PostAnswer> send(const Post& post) {
    // A context of its own: what outlives the deadline is dropped with it.
    asio::io_context context(1);
    Result<PostAnswer> result =
        fail(Code::Unavailable, fmt::format("{}:{}: no answer within {} ms", post.host, post.port,
                                            post.timeout.count()));
    asio::co_spawn(context, run(post, context), [&](const std::exception_ptr& failed, PostAnswer answer) {
        if (!failed) {
            result = std::move(answer);
            return;
        }
        try {
            std::rethrow_exception(failed);
        } catch (const boost::system::system_error& error) {  // what() would name a line of its library
            result = fail(Code::Unavailable, fmt::format("{}:{}: {}", post.host, post.port, error.code().message()));
        } catch (const std::exception& error) {
            result = fail(Code::Unavailable, fmt::format("{}:{}: {}", post.host, post.port, error.what()));
        }
    });
    context.run_for(post.timeout);
    return result;
}

}  // namespace resonant::broker
