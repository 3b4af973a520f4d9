// Package proxytest gives a test a TCP proxy that spoils the network, with the toxics of toxiproxy: latency, bandwidth, resets, timeouts and
// more, and with connections that are half open.
//
//	proxy := proxytest.New(t, "127.0.0.1:5432")
//	proxy.Add(proxytest.Latency(20*time.Millisecond, 10*time.Millisecond))
//	… connect to proxy.Addr() …
//	proxy.Remove()
//
// It runs in the test's process. The toxics and their chains are toxiproxy's; accepting, writing and closing are not, since toxiproxy's own
// ends a link at the first write that fails and leaves what is still in its chain where it is: goroutines that never end and, when a
// toxic comes or goes at that moment, a deadlock. Here a link swallows what can't be delivered any more until its source has ended.
package proxytest
