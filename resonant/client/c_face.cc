// include/resonant.h over client::Client.
#include <algorithm>
#include <cstring>

#include "include/resonant.h"
#include "resonant/client/client.h"

using resonant::client::Client;

struct resonant_plane {
    std::unique_ptr<Client> client;
};

extern "C" {

resonant_plane* resonant_attach(const char* socket_path, char* error, std::size_t error_bytes) {
    auto client = Client::attach(socket_path == nullptr ? "" : socket_path);
    if (client) {
        return new resonant_plane{std::move(*client)};
    }
    if (error != nullptr && error_bytes > 0) {
        const std::string& words = client.error().message;
        const std::size_t kept = std::min(words.size(), error_bytes - 1);
        std::memcpy(error, words.data(), kept);
        error[kept] = '\0';
    }
    return nullptr;
}

void resonant_detach(resonant_plane* plane) { delete plane; }

std::uint64_t resonant_epoch(const resonant_plane* plane) { return plane->client->board().epoch(); }

int resonant_field(const resonant_plane* plane, const char* name, double* value) {
    const std::optional<resonant::board::Field> field = plane->client->field_named(name);
    if (field) {
        *value = plane->client->board().field(*field);
    }
    return field.has_value();
}

void resonant_harmony(const resonant_plane* plane, double target[7]) {
    const resonant::board::Harmony whole = plane->client->board().harmony();
    const double fields[7] = {whole.balance, whole.headroom, whole.swiftness, whole.reliability,
                              whole.dharma,  whole.accord, whole.energy};
    std::copy(fields, fields + 7, target);
}

const void* resonant_board_page(const resonant_plane* plane) { return plane->client->board().page(); }

int resonant_poll(resonant_plane* plane, resonant_event* target) {
    resonant::ring::Event event;
    resonant::ring::Subscription& events = plane->client->events();
    if (events.poll(event) != resonant::ring::Poll::Got) {
        return 0;
    }
    target->position = events.position() - 1;
    target->type = static_cast<std::uint16_t>(event.type);
    target->lane = static_cast<std::uint8_t>(event.lane);
    target->source = event.source;
    target->confidence = event.confidence;
    target->tool = event.tool;
    target->at_ns = event.at_ns;
    std::copy(event.data.begin(), event.data.end(), target->data);
    std::copy(event.name.begin(), event.name.end(), target->name);
    return 1;
}

int resonant_wait(resonant_plane* plane, std::int64_t timeout_ns) {
    const auto news = plane->client->wait(resonant::Nanos{timeout_ns});
    return news ? *news : -1;
}

std::uint64_t resonant_lost(const resonant_plane* plane) { return plane->client->lost(); }

int resonant_attach_again(resonant_plane* plane) { return plane->client->attach_again().has_value(); }

std::uint64_t resonant_position(const resonant_plane* plane) {
    return plane->client->events().position();
}

const char* resonant_event_name(std::uint16_t type) {
    // Names are literals, so each ends with a zero.
    return resonant::ring::name_of(static_cast<resonant::ring::EventType>(type)).data();
}

}  // extern "C"
