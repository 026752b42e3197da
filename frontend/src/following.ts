// An element that follows the tag of its attribute `tag` while it is in view.
import { bus, type Follower, type Sample } from "./bus";

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) (entry.target as FollowingElement).inView(entry.isIntersecting);
});

export abstract class FollowingElement extends HTMLElement implements Follower {
  protected followed = 0;

  abstract take(sample: Sample): void;

  connectedCallback(): void {
    seen.observe(this);
  }

  disconnectedCallback(): void {
    seen.unobserve(this);
    this.inView(false);
  }

  inView(visible: boolean): void {
    if (visible && !this.followed && this.tagId) {
      this.followed = this.tagId;
      bus.follow(this.followed, this);
    } else if (!visible && this.followed) {
      bus.leave(this.followed, this);
      this.followed = 0;
    }
  }

  protected get tagId(): number {
    return Number(this.getAttribute("tag")) || 0;
  }
}
