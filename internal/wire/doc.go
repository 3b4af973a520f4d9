// Package wire is what the publisher and the subscribers agree on: subjects, headers, and the CloudEvent that a message is.
//
// A message is one CloudEvent 1.0, by default in structured JSON mode, so that any tool shows it whole and any CloudEvents SDK reads it; or
// in binary mode, where the payload is the event's data and the attributes are headers. Either way it says everything that the events
// table says, and its source tells which store it came from. A reader tells the two by the headers: see [DecodeMessage].
//
// Messages stand in the order of their positions. One that does not, since the relay sent its event again or later on a person's behalf,
// is marked: see [Mark].
package wire
