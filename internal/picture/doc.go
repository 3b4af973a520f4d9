// Package picture reads the whole situation of an event store and its broker at once: how far the relay is, who relays, who consumes, what waits for a
// person, and what is wrong, in a sentence each.
//
//	reader := picture.New(pool, js, picture.Config{})
//	now := reader.Read(ctx)          // once
//
//	sampler := picture.NewSampler(reader)
//	go sampler.Run(ctx)              // over time: rates, and the last hour
//	now, rates := sampler.Latest()
//
// What the command line shows as contrail status, the dashboard as its overview and /metrics as gauges are three forms of it.
//
// # What it costs
//
// Reading changes nothing and costs little at any number of events, dead letters and deliveries: what there may be many of is counted up to a
// bound, and says so ([Count]), or is what the server knows without counting. What is counted is counted again after a while only.
//
// # What can't be read
//
// A part that can't be read, for want of a server, a right or an answer, is nil, or absent, and [Picture].Unknown says why; an empty part that is not nil is
// known to be empty. No part keeps another from being read.
package picture
