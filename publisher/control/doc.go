// Package control looks at the relays that run and tells them what to do, from anywhere that reaches their database: a command line, a
// dashboard, an application.
//
// # Relays
//
// Every relay, leader and standby, keeps a row in contrail.relay_processes: [List] reads them. [Pause], [Resume], [Stop] and [Dump] write a command
// there, which the relay takes with its next heartbeat: the leader at once when it is idle and within a second when it is busy, a standby within six
// seconds. [Await] tells when it is done. A paused relay has settled what was on its way and given up its leadership, so that a standby takes
// over; its process goes on.
//
// A relay whose row is deleted, by [Remove] or by any other hand, stops.
//
// # Streams
//
// [PauseStream] pauses all relays of a stream, those that start later included, until [ResumeStream]: the leader stays the leader and publishes
// nothing, and what is appended meanwhile waits in the store.
//
// # Rights
//
// What only reads needs the role contrail_read; what tells relays something needs contrail_operate as well.
package control
