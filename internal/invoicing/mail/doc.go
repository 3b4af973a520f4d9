// Package mail sends the example's mails, as adapters of package subscribers/deliveries want it: what the other side says comes back as one of that
// package's classes, so that the ledger knows what to do.
//
//   - [SMTP] hands a mail to a server.
//   - [Folder] writes it into a folder, one file a mail: for trials, and for a program that takes them from there.
//   - [Log] only logs it.
//
// All three have one method Send, and are safe for concurrent use. A mail has a key, which is the same in each attempt to send it: its Message-ID is made of that, so
// that whoever receives it twice can tell, and a folder holds it once.
package mail
