// Package wire is what the publisher and the subscribers agree on: subjects, headers, and the CloudEvent that a message is.
//
// A message is one CloudEvent 1.0 in structured JSON mode, so that any tool shows it whole and any CloudEvents SDK reads it. It says
// everything that the events table says, and its source tells which store it came from.
package wire
