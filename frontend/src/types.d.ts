declare module "idiomorph" {
  export const Idiomorph: {
    morph(target: Node, source: Node | readonly Node[] | string, options?: Record<string, unknown>): readonly Node[];
  };
}

declare module "*.css" {
  const text: string;
  export default text;
}
