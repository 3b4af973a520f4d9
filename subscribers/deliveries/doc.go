// Package deliveries keeps the ledger of what subscribers do outside the database: mail, HTTP calls, payments. The inbox makes effects in the
// database exact; these can't join its transaction. So what is to be sent is planned in the transaction, and performed behind it, with a row
// before and behind each call.
//
//	ledger, err := deliveries.New(pool, deliveries.Config{
//		Consumer: "invoice-mail",
//		Adapters: map[string]deliveries.Adapter{"mail": mailer},
//		Rules:    []deliveries.Rule{deliveries.QuietHours(berlin, 22, 7), deliveries.Cap(3, 24*time.Hour)},
//	})
//	subscribers.HandleTx(sub, func(ctx context.Context, tx pgx.Tx, e contrail.Delivered[invoice.Issued]) error {
//		return ledger.Plan(ctx, tx, deliveries.From(e), deliveries.Target{Channel: "mail", Recipient: "contact-42"})
//	})
//	err = ledger.Run(ctx)
//
// # A delivery and its attempts
//
// A delivery is one event for one recipient by one channel, planned once however often its event comes. It is [Pending], becomes [Dispatched] while
// an adapter is called for it, and ends as [Succeeded], [Suppressed] or [Cancelled], with a [Reason]. In between it may have [Failed], and is due again, or held for a
// person. The database refuses every other change, whoever asks for it.
//
// Each call is an attempt: numbered 1, 2, 3 without a gap, written as started before the call and completed behind it with its
// outcome, the class of its error, what the other side said and how long it took. A process that dies in between leaves an attempt of which nobody
// knows whether it took effect. It is found when its lease is over and becomes ambiguous: [Policy.Ambiguous] says whether such a delivery is sent again, marked as a
// possible duplicate, or waits for a person.
//
// # What is guaranteed
//
//   - An adapter is called by one process at a time for a delivery, never for one that has ended, and at most [Policy.MaxAttempts] times unless a
//     person has it tried again. A process that stands still before the call for too long does not call any more; from one that does in the midst of a call,
//     what it was about to send may still come.
//   - With [Hold], an effect whose call was cut short is not repeated by itself. With [Resend] it may happen twice: [Delivery.Key] is the same for all attempts, for providers that
//     recognise it, and [Delivery.DuplicateRisk] tells.
//   - Every delivery that is due is tried while [Ledger.Run] runs, and ends, or is held. There is no order among deliveries, but in lanes.
//
// # Looking and deciding
//
// [List] and [Stats] tell which deliveries there are, and [Explain] all that became of one, why it stands where it stands and what to do. A person
// has it sent again by [Redrive], or gives it up by [Cancel], and says why. [Recover] is for consumers that do not run, and [Purge] deletes what has ended long ago. `contrail
// deliveries` is the same at the command line.
//
// Nothing of an event's body is logged. An event that is encrypted in its store is not kept in the ledger: it is read back and opened for each attempt.
package deliveries
