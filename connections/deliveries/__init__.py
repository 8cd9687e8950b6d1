"""Signed deliveries: a body that goes to a URL of a customer's, signed by Standard Webhooks, again and again until it is taken.

How a stage uses it, in its own transaction:

    target, secret = targets.create(organization=…, url="https://…", name="Runs to the warehouse", user=…)
    sending.post(target=target, kind="run.finished", data={"run": …}, subject=str(run.pk))

`secret` (`whsec_…`) is shown once and stored encrypted; `targets.renew` makes another one while the old one still signs
along for a day. `post` writes the row; a worker sends it once the transaction is committed, and again by `sending.DELAYS`
when it fails; a worker that is killed loses nothing. The receiver gets `{"type": kind, "timestamp": …, "data": data}` with
the headers webhook-id, webhook-timestamp and webhook-signature, and may get the same webhook-id twice. `sending.post_bytes`
passes on a body as it is. Keep the target's id in a row of your own (`DeliveryTarget`, on_delete=PROTECT or SET_NULL) and
delete it with `targets.delete`. `Delivery.objects.filter(target=…)` are the deliveries for a page, `delivery.attempts` what
was tried; `sending.redeliver` sends one again.
"""
