# What the tests of several policies need.
package hallmark.messages_test

# message is what a reason says, a text or an object.
message(reason) := reason.msg if is_object(reason)

message(reason) := reason if is_string(reason)
