//! Shapes with places. Numbers are units of the drawing's view box; texts are cut to what fits.

use jiff::Timestamp;

use super::{Leaving, PodNode, ServiceNode, SetNode};
use crate::pages::words::cut;

/// Circumference of the countdown's ring, radius 9: 2 × 9 × π.
const RING: f64 = 56.55;

/// A drawing, ready for the template.
pub(super) struct Drawing {
    pub(super) class: &'static str,
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) lines: Vec<Line>,
    pub(super) services: Vec<ServiceBox>,
    pub(super) sets: Vec<SetBox>,
}

/// Traffic.
pub(super) struct Line {
    pub(super) path: String,
    pub(super) class: String,
    pub(super) title: String,
    /// Where its arrow ends.
    pub(super) tip: String,
}

/// A Service.
pub(super) struct ServiceBox {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) class: &'static str,
    pub(super) role: &'static str,
    pub(super) name: String,
    pub(super) full_name: String,
    pub(super) note: String,
    pub(super) found: bool,
}

/// A ReplicaSet and its pods.
pub(super) struct SetBox {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
    pub(super) class: &'static str,
    pub(super) fading: bool,
    pub(super) title: String,
    pub(super) full_name: String,
    pub(super) hash: String,
    pub(super) image: String,
    pub(super) image_full: String,
    pub(super) status: String,
    pub(super) tags: Vec<TagBox>,
    pub(super) pods: Vec<PodBox>,
    /// Where `+3` stands for pods that are not drawn.
    pub(super) more: Option<(i32, i32, String)>,
    pub(super) ring: Option<Ring>,
}

/// A role.
pub(super) struct TagBox {
    pub(super) x: i32,
    pub(super) width: i32,
    pub(super) text: &'static str,
}

/// A pod.
pub(super) struct PodBox {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) size: i32,
    pub(super) class: &'static str,
    pub(super) sign: &'static str,
    pub(super) title: String,
}

/// The countdown of a ReplicaSet that is scaled down soon.
pub(super) struct Ring {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) at: Timestamp,
    pub(super) delay_secs: i64,
    pub(super) left_secs: i64,
    /// How much of the ring is gone.
    pub(super) offset: String,
}

/// A place for pods.
pub(super) struct Tray {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) columns: usize,
    pub(super) size: i32,
    pub(super) gap: i32,
}

impl Tray {
    /// How many rows so many pods take.
    pub(super) fn rows(&self, set: &SetNode) -> i32 {
        let cells = set.pods.len() + usize::from(set.pods_more > 0);
        i32::try_from(cells.div_ceil(self.columns)).unwrap_or(i32::MAX)
    }

    /// How high so many rows are.
    pub(super) fn height(&self, rows: i32) -> i32 {
        if rows == 0 { 0 } else { rows * (self.size + self.gap) - self.gap }
    }

    fn cell(&self, index: usize) -> (i32, i32) {
        let step = self.size + self.gap;
        let column = i32::try_from(index % self.columns).unwrap_or_default();
        let row = i32::try_from(index / self.columns).unwrap_or_default();
        (self.x + column * step, self.y + row * step)
    }

    /// Each pod's place, and that of the number for those that are not drawn.
    pub(super) fn place(&self, set: &SetNode) -> (Vec<PodBox>, Option<(i32, i32, String)>) {
        let place = |(index, pod): (usize, &PodNode)| {
            let (x, y) = self.cell(index);
            PodBox { x, y, size: self.size, class: pod.class, sign: pod.sign, title: pod.title.clone() }
        };
        let more = (set.pods_more > 0).then(|| {
            let (x, y) = self.cell(set.pods.len());
            (x + self.size / 2, y + self.size / 2, format!("+{}", set.pods_more))
        });
        (set.pods.iter().enumerate().map(place).collect(), more)
    }
}

/// A Service's box; its name gets so many characters.
pub(super) fn service_box(
    node: &ServiceNode,
    (x, y, width, height): (i32, i32, i32, i32),
    chars: usize,
) -> ServiceBox {
    let ports = if node.ports.is_empty() { String::new() } else { format!(" · {}", node.ports) };
    ServiceBox {
        x,
        y,
        width,
        height,
        class: if node.found { node.class } else { "missing" },
        role: node.role,
        name: cut(&node.name, chars),
        full_name: node.name.clone(),
        note: if node.found { format!("{}{ports}", node.purpose) } else { "✖ not found".to_owned() },
        found: node.found,
    }
}

/// Roles from left to right, beginning at `x`: a character is about 7 units wide, and 9 units pad each side.
pub(super) fn tags(set: &SetNode, x: i32) -> Vec<TagBox> {
    let mut next = x;
    let place = |text: &&'static str| {
        let width = i32::try_from(text.chars().count()).unwrap_or_default() * 7 + 16;
        let tag = TagBox { x: next, width, text };
        next += width + 6;
        tag
    };
    set.tags.iter().map(place).collect()
}

/// The countdown's ring: full at first, empty at the end.
pub(super) fn ring(leaving: &Leaving, x: i32, y: i32) -> Ring {
    let left = leaving.left_secs.clamp(0, leaving.delay_secs);
    // 15 of 30 seconds left: half of the ring is gone. The numbers are small, so nothing is lost as f64.
    let gone = 1.0 - left as f64 / leaving.delay_secs as f64;
    Ring {
        x,
        y,
        at: leaving.at,
        delay_secs: leaving.delay_secs,
        left_secs: left,
        offset: format!("{:.1}", gone * RING),
    }
}
