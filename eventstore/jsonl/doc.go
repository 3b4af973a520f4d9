// Package jsonl moves events out of a store and into one as JSON lines, in constant memory however many they are: [Export] writes a sequence of
// events, [Import] appends the events of a file by COPY, [Lines] reads them for anything else.
//
// A line is one event:
//
//	{"position":7,"id":"0192…","stream":"invoice-42","version":3,"type":"InvoiceIssued","data":{…},"metadata":{…},"recorded_at":"2026-11-21T20:15:04.123456Z"}
//
// stream, type and data must be there. position is written by an export and ignored by an import, since the table assigns it. Without an id an
// event gets a new one (UUIDv7), without a version the next one of its stream, without recorded_at the database's time. null stands for what is
// not there, except as data. Any other field is refused, so that a mistyped one is not lost in silence. Blank lines are skipped, a byte order mark and CR LF
// are tolerated, and the last line needs no line break.
//
// # All or nothing, or as far as it goes
//
// [Import] takes effect as a whole: in one transaction, of which a failure leaves nothing. That transaction holds the horizon back until it
// ends: relays and other readers see nothing that is appended meanwhile, by whomever. Where an import takes longer than they may wait, set
// [Config.Resume]: it commits every batch, remembers how far it came, and goes on there when it is called again.
package jsonl
