"""Progress on the command line: tqdm bars."""

from convae.records import psnr_name


class Bars:
    """tqdm bars from the callbacks of data and the items of training."""

    def __init__(self, quiet: bool):
        self.quiet, self.bar, self.what = quiet, None, ""

    def __call__(self, done: int, total: int | None, what: str) -> None:
        if self.quiet:
            return
        if self.bar is None or what != self.what:
            self.close()
            from tqdm import tqdm

            unit = dict(unit="B", unit_scale=True) if "ownload" in what else {}
            bar = dict(total=total, initial=done, desc=what, dynamic_ncols=True)
            self.bar, self.what = tqdm(**bar, **unit), what
        self.bar.total = total  # with a time limit, the number of steps is an estimate that changes
        self.bar.update(done - self.bar.n)

    def train(self, item: object) -> None:
        kind = type(item).__name__
        if self.quiet:
            return
        if kind == "Progress":
            self(item.step, item.steps, "Training")
            self.bar.set_postfix_str(
                f"epoch {item.epoch}, loss {item.train_loss:.5f}, {item.images_per_s:,.0f} images/s"
            )
            return
        if kind == "Measuring":
            self(item.done, item.total, "Measuring the test images")
            return
        from tqdm import tqdm

        if kind == "EpochRecord":
            tqdm.write(
                f"epoch {item.epoch}: loss {item.train_loss:.5f}, validation {item.val_loss:.5f}, "
                f"{psnr_name(item.val_noise)} {item.val_psnr:.2f} dB, "
                + (f"KL {item.train_kl:.1f} nats, " if item.train_kl else "")
                + f"{item.images_per_s:,.0f} images/s"
            )
        elif kind == "Event":
            tqdm.write(item.what)

    def __enter__(self) -> "Bars":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()  # so that a message begins on a line of its own

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None
