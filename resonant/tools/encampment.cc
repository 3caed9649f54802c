#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

void add_encampment(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin({.key = "encampment",
                   .wire_name = "gana_encampment_messages",
                   .mansion = "室 Shi",
                   .quadrant = "North",
                   .summary = "Messages between agents: live events and kept chat channels"});
    toolbox.add({.name = "event.publish",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "type*:string payload:object confidence:0..1",
                 .summary = "put an event on the ring for whoever listens (short-lived); to "
                            "keep a message use chat.send, to give work use task.submit",
                 .example = R"({"type": "build.finished", "confidence": 0.9})"});
    toolbox.add({.name = "event.tail",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "types:string[] since:sequence limit:int wait_s:number<=30",
                 .summary = "live events of the machine, with the exact number lost; start "
                            "with no since",
                 .pace = Pace::Waits});
    toolbox.add({.name = "event.stats",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "",
                 .summary = "rates, consumers, lag, losses"});
    toolbox.add({.name = "chat.send",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "channel*:string message*:string tags:string[]",
                 .summary = "post to a shared channel, kept",
                 .free_text = true});
    toolbox.add({.name = "chat.read",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "channel:string since:id limit:int",
                 .summary = "messages of one channel; with no channel: the channels",
                 .free_text = true});
}

}  // namespace resonant::tools
