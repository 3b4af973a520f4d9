package invoicing

import "time"

// Alive returns nil while the subscription makes progress: see [subscribers.Subscription.Alive].
func (n *Notifications) Alive(bound time.Duration) error {
	return n.subscription.Alive(bound)
}

// Ready returns an error while the subscription can't handle events: see [subscribers.Subscription.Ready].
func (n *Notifications) Ready() (what string, err error) {
	return n.subscription.Ready()
}
