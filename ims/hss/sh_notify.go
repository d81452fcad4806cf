package hss

// notifications owes application servers what they asked to be told of (TS 29.328 section 6.1.4).
func (h *HSS) notifications(old, now Entry, state **State, changes []Change) []Change {
	return nil
}

// forgetNotifications ends the subscriptions of an application server that does not know the user any more.
func (h *HSS) forgetNotifications(x Push) {}
